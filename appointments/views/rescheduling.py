"""How does a member move a visit to another time?"""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from appointments.choices import AppointmentState
from appointments.errors import OtherDepartment, RescheduleLimit, TooLateToCancel
from appointments.forms import HoldForm, MoveForm, TimesForm
from appointments.models import Appointment
from appointments.rules import policies
from appointments.selectors import catalogue
from appointments.selectors.free_times import colleagues_chips, is_free, nearest_chips
from appointments.selectors.picker import picker
from appointments.selectors.terms import terms_of
from appointments.selectors.visits import shown_appointment
from appointments.services.agreeing import policy_of
from appointments.services.booking import invoice_subject
from appointments.services.rescheduling import (
    moves_left,
    price_of_moving,
    require_may_move,
    reschedule_appointment,
)
from billing.selectors import account_of
from medbook import clock
from medbook.api import status_of
from medbook.errors import DomainError, Missing
from members.models import Member
from members.selectors.tiers import tiers_allowed
from members.views.entrance import for_members
from scheduling.errors import SlotTaken
from scheduling.models import Schedule

COLLEAGUES_SHOWN = 6
NOTHING = Decimal(0)


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def reschedule(request: HttpRequest, member: Member, reference: str) -> HttpResponse:
    """Let a member choose another time, look at what it changes, and confirm it."""
    now = clock.now()
    visit = shown_appointment(member, reference)
    if visit.state == AppointmentState.HELD:
        return redirect("appointments:confirm", visit.reference)
    if visit.state != AppointmentState.BOOKED:
        return redirect("appointments:appointment", visit.reference)
    try:
        require_may_move(visit, now)
    except (TooLateToCancel, RescheduleLimit) as refusal:
        return _cannot_move(request, visit, refusal, now)
    if request.method == "POST":
        return _move(request, member, visit, now)
    if "schedule_uid" in request.GET:
        return _check(request, visit, now)
    return _choose(request, visit, now)


def _choose(
    request: HttpRequest,
    visit: Appointment,
    now: datetime,
    detail: str = "",
    refused: Schedule | None = None,
    starts_at: datetime | None = None,
    status: int = 200,
) -> HttpResponse:
    """Show the times of the doctor, or of a colleague; after a refusal the nearest ones first."""
    member, terms = visit.member, terms_of(visit.member, now)
    of_department = catalogue.doctors().filter(department=visit.department)
    asked = TimesForm(request.GET)
    asked.is_valid()  # what cannot be read is ignored: the page has a day to show anyway
    slug = asked.cleaned_data.get("doctor")
    doctor = get_object_or_404(of_department, slug=slug) if slug else visit.doctor
    offer = picker(
        doctor=doctor,
        member=member,
        terms=terms,
        wanted=asked.cleaned_data.get("day"),
        chosen_at=None,
        now=now,
        moving=visit,
    )
    colleagues = colleagues_chips(doctor, offer.day.date, terms, now, COLLEAGUES_SHOWN)
    context = {
        **_about(visit),
        "doctor": doctor,
        "days": offer.days,
        "day": offer.day,
        "sessions": offer.sessions,
        "previous_week": offer.previous_week,
        "next_week": offer.next_week,
        "next_free_on": offer.next_free_on,
        "tail": offer.tail,
        "colleagues": [chip for chip in colleagues if not chip.is_of(visit)],
        "others": of_department.exclude(pk=doctor.pk).order_by("pk"),
        "choose": reverse("appointments:reschedule", args=[visit.reference]),
        "keep": f"doctor={doctor.slug}&" if doctor != visit.doctor else "",
        "detail": detail,
    }
    if refused is not None:
        context["alternatives"] = nearest_chips(
            schedule=refused, starts_at=starts_at, member=member, terms=terms, now=now
        )
    return render(request, "appointments/reschedule.html", context, status=status)


def _check(request: HttpRequest, visit: Appointment, now: datetime) -> HttpResponse:
    """Show what a chosen time would change, in time and in money."""
    form = MoveForm(request.GET)
    if not form.is_valid():
        return _incomplete(request, visit, now)
    starts_at = form.cleaned_data["starts_at"]
    schedule = _schedule(form.cleaned_data["schedule_uid"])
    try:
        if schedule.department_id != visit.department_id:
            raise OtherDepartment()
        if not is_free(schedule, starts_at, terms_of(visit.member, now), now):
            raise SlotTaken()
        price, _cover = price_of_moving(visit, schedule, visit.member, now)
    except DomainError as refusal:
        return _refused(request, visit, schedule, starts_at, refusal, now)
    account = account_of(invoice_subject(visit))
    rest = price.total - account.paid
    deadline = policies.cancel_until_once_moved(
        visit.cancel_until,
        policies.cancel_until(
            starts_at, schedule.service_date, schedule.time_zone, policy_of(schedule.department)
        ),
        now,
    )
    context = {
        **_about(visit),
        "schedule": schedule,
        "starts_at": starts_at,
        "quote": price,
        "account": account,
        "rest": max(rest, NOTHING),
        "back": max(-rest, NOTHING),
        "new_deadline": deadline,
        "is_cancellable": now < deadline,
        "moves_left": moves_left(visit, now) - 1,
    }
    return render(request, "appointments/move.html", context)


def _move(request: HttpRequest, member: Member, visit: Appointment, now: datetime) -> HttpResponse:
    form = HoldForm(request.POST)
    if not form.is_valid():
        return _incomplete(request, visit, now)
    wish = form.cleaned_data
    schedule = _schedule(wish["schedule_uid"])
    try:
        reschedule_appointment(appointment_uid=visit.uid, by=member.user, now=now, **wish)
    except Missing:
        raise
    except DomainError as refusal:
        return _refused(request, visit, schedule, wish["starts_at"], refusal, now)
    address = reverse("appointments:appointment", args=[visit.reference])
    return redirect(f"{address}?moved")


def _refused(
    request: HttpRequest,
    visit: Appointment,
    schedule: Schedule,
    starts_at: datetime | None,
    refusal: DomainError,
    now: datetime,
) -> HttpResponse:
    """Say why not; the old time is kept, and other times of the department may do."""
    is_near = schedule.department_id == visit.department_id
    return _choose(
        request,
        visit,
        now,
        detail=refusal.detail,
        refused=schedule if is_near else None,
        starts_at=starts_at,
        status=status_of(refusal),
    )


def _incomplete(request: HttpRequest, visit: Appointment, now: datetime) -> HttpResponse:
    detail = _("The request was incomplete. Please choose the time again.")
    return _choose(request, visit, now, detail=detail, status=422)


def _cannot_move(
    request: HttpRequest, visit: Appointment, refusal: DomainError, now: datetime
) -> HttpResponse:
    """Say the rule, what the tiers allow, and who helps."""
    is_too_late = isinstance(refusal, TooLateToCancel)
    context = {
        **_about(visit),
        "is_too_late": is_too_late,
        "detail": "" if is_too_late else refusal.detail,
        "deadline": visit.cancel_until,
        "now_over": now >= visit.starts_at,
        "late_tiers": tiers_allowed("can_cancel_late", now),
    }
    status = 200 if request.method != "POST" else status_of(refusal)
    return render(request, "appointments/reschedule.html", context, status=status)


def _about(visit: Appointment) -> dict[str, Any]:
    return {"member": visit.member, "clinic": visit.department.clinic, "appointment": visit}


def _schedule(uid: uuid.UUID) -> Schedule:
    schedule = catalogue.seen_schedule(uid)
    if schedule is None:
        raise Http404
    return schedule
