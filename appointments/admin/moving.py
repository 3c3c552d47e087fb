"""Where does the desk move a visit for a member?"""

import uuid
from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from appointments.models import Appointment
from appointments.selectors.desk import desk_sessions
from appointments.selectors.visits import with_details
from appointments.services.booking import bookable_schedule, invoice_subject
from appointments.services.rescheduling import price_of_moving, reschedule_appointment
from billing.selectors import account_of
from medbook import clock
from medbook.admin_site import MedBookAdminSite
from medbook.api import status_of
from medbook.errors import DomainError, Missing
from medbook.references import normalised_reference
from members.selectors.people import signed_in

TITLE = gettext_lazy("Move a visit")
PERMISSION = "appointments.book_for_member"


class DayForm(forms.Form):
    """Ask on which day."""

    day = forms.DateField(
        label=gettext_lazy("Day"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )


class ChoiceForm(forms.Form):
    """Read which time was chosen."""

    schedule = forms.UUIDField()
    at = forms.DateTimeField()
    idempotency_key = forms.UUIDField(required=False)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, reference: str) -> HttpResponse:
    """Show the times of a visit's department, then what one would change; move the visit."""
    found = Appointment.objects.filter(reference=normalised_reference(reference))
    visit, now = with_details(found).first(), clock.now()
    if visit is None:
        raise Missing()
    choice = ChoiceForm(request.POST if request.method == "POST" else request.GET)
    if not choice.is_valid():
        status = 422 if request.method == "POST" else 200
        return _times(request, visit, now, status=status)
    said = choice.cleaned_data
    try:
        if request.method != "POST":
            return _check(request, visit, said["schedule"], said["at"], now)
        reschedule_appointment(
            appointment_uid=visit.uid,
            schedule_uid=said["schedule"],
            starts_at=said["at"],
            idempotency_key=str(said["idempotency_key"] or uuid.uuid4()),
            by=signed_in(request.user),
            now=now,
        )
    except Missing:
        raise
    except DomainError as refusal:
        return _times(request, visit, now, detail=refusal.detail, status=status_of(refusal))
    messages.success(request, _("The visit is moved. The member is told."))
    return redirect("admin:appointments_appointment_change", visit.pk)


def _times(
    request: HttpRequest, visit: Appointment, now: datetime, detail: str = "", status: int = 200
) -> HttpResponse:
    form = DayForm(request.GET)
    day: date = (form.cleaned_data.get("day") if form.is_valid() else None) or max(
        visit.service_date, clock.local_date(now, visit.time_zone)
    )
    sessions = desk_sessions(text="", day=day, member=visit.member, now=now)
    context = {
        "day": day,
        "form": DayForm(initial={"day": day}),
        "detail": detail,
        "sessions": [
            each
            for each in sessions
            if each.schedule.department_id == visit.department_id and each.is_released
        ],
    }
    return _page(request, visit, "times", context, status)


def _check(
    request: HttpRequest,
    visit: Appointment,
    schedule_uid: uuid.UUID,
    starts_at: datetime,
    now: datetime,
) -> HttpResponse:
    schedule = bookable_schedule(schedule_uid)
    price, _cover = price_of_moving(visit, schedule, visit.member, now)
    account = account_of(invoice_subject(visit))
    context = {
        "schedule": schedule,
        "starts_at": starts_at,
        "quote": price,
        "difference": price.total - account.paid if account.came_in else None,
    }
    return _page(request, visit, "check", context)


def _page(
    request: HttpRequest,
    visit: Appointment,
    name: str,
    context: dict[str, Any],
    status: int = 200,
) -> HttpResponse:
    shared = {**admin.site.each_context(request), "title": TITLE, "visit": visit}
    template = f"admin/appointments/move_{name}.html"
    return TemplateResponse(request, template, {**shared, **context}, status=status)


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "move/<slug:reference>/",
        move,
        name="move_visit",
        title=TITLE,
        permission=PERMISSION,
        is_on_home=False,
    )
