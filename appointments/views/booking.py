"""How does a member take a time and confirm it?"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from appointments.choices import LIVE_STATES, AppointmentState
from appointments.errors import (
    HoldExpired,
    IdentityIncomplete,
    WrongState,
)
from appointments.forms import ConfirmForm, HoldForm
from appointments.models import Appointment
from appointments.selectors.alternatives import alternatives_to
from appointments.selectors.catalogue import seen_schedule
from appointments.selectors.free_times import Chip
from appointments.selectors.habits import usual_patient
from appointments.selectors.terms import agreed_price, terms_of, ways_to_pay
from appointments.selectors.visits import shown_appointment
from appointments.selectors.wishes import is_wanted
from appointments.services.agreeing import priced
from appointments.services.booking import confirm_appointment, hold_slot
from appointments.services.holds import extend_hold
from appointments.services.insuring import (
    insurable,
    shown_insured,
    usable_policies,
    wished_policy,
)
from billing.models import InsurancePolicy
from billing.rules.prices import Quote
from medbook import clock
from medbook.api import status_of
from medbook.errors import DomainError, Missing, TryLater
from members.choices import ConsentPurpose
from members.errors import ConsentMissing as AgreementMissing
from members.models import FamilyLink, Member, Patient
from members.rules.points import most_to_spend
from members.selectors.people import bookable_links, member_of
from members.selectors.points import spendable
from members.views.consents import ask_for_consent
from members.views.entrance import for_members
from scheduling.models import Schedule


@require_POST
@never_cache
def book(request: HttpRequest) -> HttpResponse:
    """Hold the tapped time; a stranger signs in first and comes back to it."""
    form = HoldForm(request.POST)
    if not form.is_valid():
        return render(request, "appointments/cannot_book.html", status=422)
    wish = form.cleaned_data
    schedule = seen_schedule(wish["schedule_uid"])
    if schedule is None:
        raise Http404
    if not request.user.is_authenticated:
        return redirect_to_login(_way_back(schedule, wish["starts_at"]), reverse("members:sign_in"))
    member = member_of(request.user)
    if member is None:
        raise PermissionDenied
    now = clock.now()
    try:
        patient = _usual_patient(member, now)
        placed = hold_slot(member=member, patient=patient, by=member.user, now=now, **wish)
    except Missing:
        raise
    except DomainError as refusal:
        return _cannot_book(request, member, schedule, wish["starts_at"], refusal, now)
    return redirect("appointments:confirm", placed.appointment.reference)


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, member: Member, reference: str) -> HttpResponse:
    """Show a held time to be checked; confirm it."""
    now = clock.now()
    appointment = shown_appointment(member, reference)
    if appointment.state == AppointmentState.EXPIRED or appointment.is_lapsed(now):
        return _hold_over(request, member, appointment, now)
    if appointment.state != AppointmentState.HELD or appointment.awaits_payment:
        return _past_confirming(appointment)
    links = bookable_links(member, now)
    chosen = _patient_of(request, appointment, links)
    policies = usable_policies(appointment.slot.schedule, chosen)
    policy = wished_policy(request.POST.get("insurance"), policies)
    price = _price_of(appointment, chosen, now)
    discounted = insurable(price, policy).discounted
    most_points = most_to_spend(discounted, spendable(member, now))
    about: dict[str, Any] = {
        "links": links,
        "ways": ways_to_pay(member, now),
        "most_points": most_points,
        "policies": policies,
    }
    if request.method != "POST" or "preview" in request.POST:
        said = _said(request, most_points)
        initial = {
            "patient": str(appointment.patient.uid),
            "insurance": str(policy.uid) if policy else "",
            **said,
        }
        form = ConfirmForm(initial=initial, **about)
        return _check(request, appointment, form, policy, said["points"])
    form = ConfirmForm(request.POST, **about)
    if not form.is_valid():
        return _check(request, appointment, form, policy, status=422)
    if changed := form.changed_since(is_free_return=price.is_free_return):
        form.add_error(None, changed)
        return _check(request, appointment, form, policy, form.used_points, status=409)
    return _agree(request, member, appointment, form, policy, now)


def _agree(
    request: HttpRequest,
    member: Member,
    appointment: Appointment,
    form: ConfirmForm,
    policy: InsurancePolicy | None,
    now: datetime,
) -> HttpResponse:
    """Confirm, and lead on to whatever comes next."""
    try:
        agreed = confirm_appointment(
            appointment_uid=appointment.uid,
            way_to_pay=form.way_to_pay,
            patient=form.cleaned_data.get("patient"),
            reason=form.cleaned_data["reason"],
            points=form.used_points,
            policy=form.policy,
            by=member.user,
            now=now,
        )
    except HoldExpired:
        return _hold_over(request, member, appointment, now)
    except WrongState:
        return redirect("appointments:appointment", appointment.reference)
    except Missing:
        raise
    except AgreementMissing as refusal:
        return ask_for_consent(request, ConsentPurpose.SENSITIVE_DATA, refusal, request.path)
    except DomainError as refusal:
        form.add_error(None, refusal.detail)
        status = status_of(refusal)
        return _check(request, appointment, form, policy, form.used_points, status=status)
    return _past_confirming(agreed)


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def extend(request: HttpRequest, member: Member, reference: str) -> HttpResponse:
    """Hold the time five minutes longer, once; asked for by address, show what is held."""
    appointment = shown_appointment(member, reference)
    if request.method == "POST":
        now = clock.now()
        try:
            extend_hold(appointment_uid=appointment.uid, by=member.user, now=now)
        except HoldExpired:
            return _hold_over(request, member, appointment, now)
        except WrongState:
            pass  # extended before, or confirmed meanwhile: the page says which
    return redirect("appointments:confirm", appointment.reference)


def _said(request: HttpRequest, most_points: int) -> dict[str, Any]:
    """Read what a member has typed so far, to show the price of it: with what points there are."""
    typed = request.POST.get("points", "")
    points = int(typed) if re.fullmatch("[0-9]{1,9}", typed) else 0
    if request.POST.get("preview") == "all":
        points = most_points
    said = {
        name: value for name in ("patient", "reason", "pay") if (value := request.POST.get(name))
    }
    return {**said, "points": min(points, most_points)}


def _patient_of(
    request: HttpRequest, appointment: Appointment, links: Sequence[FamilyLink]
) -> FamilyLink | None:
    """Tell for whom the visit would be by what a member has said so far."""
    by_uid = {str(link.patient.uid): link for link in links}
    said = request.POST.get("patient") or str(appointment.patient.uid)
    return by_uid.get(said) or next(iter(links), None)


def _price_of(appointment: Appointment, link: FamilyLink | None, now: datetime) -> Quote:
    """Tell the price for the chosen patient: a return visit is free for who was charged before."""
    if link is None or link.patient_id == appointment.patient_id:
        return agreed_price(appointment)
    return priced(appointment, appointment.member, link.patient, now)


def _check(
    request: HttpRequest,
    appointment: Appointment,
    form: ConfirmForm,
    policy: InsurancePolicy | None,
    points: int = 0,
    status: int = 200,
) -> HttpResponse:
    """Render the page on which a member checks what will be booked."""
    now = clock.now()
    chosen = _patient_of(request, appointment, form.links)
    agreed = _price_of(appointment, chosen, now)
    points = min(points, form.most_points)
    price = insurable(agreed, policy).with_points(points)
    price = shown_insured(price, policy, appointment.slot.schedule, appointment.subject)
    return render(
        request,
        "appointments/confirm.html",
        {
            "member": appointment.member,
            "clinic": appointment.department.clinic,
            "appointment": appointment,
            "form": form,
            "quote": price,
            "insurance": policy,
            "is_not_discounted": agreed.discount > price.discount,
            "most_points": form.most_points,
            "points": points,
            "hold_expires_at": appointment.hold_expires_at,
            "may_extend": appointment.extended_at is None,
            "ways": form.ways,
            "deadline": appointment.cancel_until,
            "is_cancellable": now < appointment.cancel_until,
        },
        status=status,
    )


def _hold_over(
    request: HttpRequest, member: Member, appointment: Appointment, now: datetime
) -> HttpResponse:
    """Say that the hold ran out; offer the same time if it is still free, else the nearest."""
    schedule = appointment.slot.schedule
    terms = terms_of(member, now)
    is_free = _gives_way(appointment, now) or appointment.slot.is_open_to(terms.booker, now)
    again = Chip(schedule, appointment.starts_at, appointment.ends_at, 1)
    is_free = is_free and now < appointment.starts_at and terms.is_open(schedule, now)
    released_at = appointment.hold_expires_at or appointment.ended_at
    return render(
        request,
        "appointments/hold_over.html",
        {
            "member": member,
            "clinic": appointment.department.clinic,
            "appointment": appointment,
            "schedule": schedule,
            "released_at": released_at,
            "again": [again] if is_free else [],
            "helps": None
            if is_free
            else alternatives_to(
                HoldExpired(expired_at=released_at),
                schedule=schedule,
                starts_at=appointment.starts_at,
                member=member,
                terms=terms,
                now=now,
            ),
        },
        status=410,
    )


def _gives_way(appointment: Appointment, now: datetime) -> bool:
    """Tell whether a hold that no sweep has ended yet leaves its place to whoever asks first.

    A sought-after place returns later, and one for which somebody waits is offered to them.
    """
    slot = appointment.slot
    is_unswept = appointment.state == AppointmentState.HELD
    return is_unswept and not slot.schedule.high_demand and not is_wanted(slot, now)


def _past_confirming(appointment: Appointment) -> HttpResponse:
    name = "booked" if appointment.state in LIVE_STATES else "appointment"
    if appointment.awaits_payment:
        name = "pay"
    return redirect(f"appointments:{name}", appointment.reference)


def _cannot_book(
    request: HttpRequest,
    member: Member,
    schedule: Schedule,
    starts_at: datetime | None,
    refusal: DomainError,
    now: datetime,
) -> HttpResponse:
    """Say why not, and offer the nearest times where another time helps."""
    if isinstance(refusal, AgreementMissing):
        way_back = _way_back(schedule, starts_at)
        return ask_for_consent(request, ConsentPurpose.SENSITIVE_DATA, refusal, way_back)
    context: dict[str, Any] = {
        "member": member,
        "clinic": schedule.department.clinic,
        "refusal": refusal,
        "detail": refusal.detail,
        "schedule": schedule,
        "helps": alternatives_to(
            refusal,
            schedule=schedule,
            starts_at=starts_at,
            member=member,
            terms=terms_of(member, now),
            now=now,
        ),
    }
    answer = render(request, "appointments/cannot_book.html", context, status=status_of(refusal))
    if isinstance(refusal, TryLater):
        answer["Retry-After"] = str(refusal.retry_after)
    return answer


def _usual_patient(member: Member, now: datetime) -> Patient:
    """Find whom the member books for, or refuse."""
    patient = usual_patient(member, now)
    if patient is None:
        raise IdentityIncomplete()
    return patient


def _way_back(schedule: Schedule, starts_at: datetime | None) -> str:
    """Write the address of the tapped time, to return to after signing in."""
    query = QueryDict(mutable=True)
    query["day"] = schedule.service_date.isoformat()
    if starts_at:
        query["at"] = starts_at.isoformat()
    path = reverse("appointments:doctor", args=[schedule.doctor.slug])
    return f"{path}?{query.urlencode()}#picker"
