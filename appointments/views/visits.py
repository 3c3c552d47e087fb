"""What has a member booked, and how is it given back?"""

from datetime import datetime
from itertools import groupby

import segno
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_http_methods, require_safe

from appointments import rules
from appointments.choices import AppointmentState, View
from appointments.errors import AlreadyCancelled
from appointments.models import Appointment
from appointments.selectors.diary import visits_of
from appointments.selectors.visits import own_appointment
from appointments.services.booking import invoice_subject
from appointments.services.cancelling import cancel_appointment
from appointments.views.booking import quote_of
from appointments.views.entrance import for_members
from billing.selectors import invoice_of
from medbook import clock
from medbook.api import status_of
from medbook.errors import Refused
from members.models import Member
from members.selectors import privilege

VISITS_ON_A_PAGE = 20
ON_THE_WAY = (AppointmentState.ARRIVED, AppointmentState.IN_CONSULTATION)
