"""Which API gives a visit to a calendar?"""

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from appointments.selectors.calendar import calendar_of_visit, is_in_calendars
from appointments.selectors.visits import own_appointment
from medbook.endpoints import Endpoint
from medbook.errors import Missing
from members.api.permissions import IsMember, calling_member


class CalendarRenderer(BaseRenderer):
    """Hand a calendar on as it is, and word a refusal as everywhere."""

    media_type = "text/calendar"
    format = "ics"
    charset = "utf-8"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        """Return what is written already."""
        return data if isinstance(data, bytes) else JSONRenderer().render(data)


class AppointmentCalendar(Endpoint):
    """One of the caller's appointments, for a calendar."""

    permission_classes = (IsMember,)
    renderer_classes = (CalendarRenderer,)

    @extend_schema(
        operation_id="appointment_calendar",
        responses={(200, "text/calendar"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        """Write an agreed appointment as iCalendar; a cancelled one takes itself out."""
        appointment = own_appointment(calling_member(request), uid=uid)
        if not is_in_calendars(appointment):
            raise Missing()
        return Response(calendar_of_visit(appointment))
