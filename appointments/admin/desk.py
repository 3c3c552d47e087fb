"""Where does the desk book for a caller, and take in who comes without an appointment?"""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from appointments.errors import ConsentMissing
from appointments.forms import InsuranceForm
from appointments.models import Appointment
from appointments.selectors.desk import MOST_SESSIONS, booked_for, desk_sessions, read_aloud
from appointments.selectors.visits import with_details
from appointments.services.agreeing import priced
from appointments.services.booking import bookable_schedule
from appointments.services.desk import book_for_member, take_walk_in
from appointments.services.insuring import (
    insurable,
    shown_insured,
    usable_policies,
    wished_policy,
)
from billing.models import InsurancePolicy
from medbook import clock
from medbook.admin_site import MedBookAdminSite
from medbook.api import status_of
from medbook.errors import DomainError, Missing
from medbook.references import normalised_reference
from members.admin.search import SearchForm
from members.forms.fields import PhoneField
from members.models import FamilyLink, Patient
from members.selectors.patients import patient_suspension
from members.selectors.people import current_suspension, signed_in
from members.services.callers import open_account_for_caller
from members.services.patients import search_people

TITLE = gettext_lazy("Book for a caller")
PERMISSION = "appointments.book_for_member"


class TimesForm(forms.Form):
    """Ask with whom, and on which day."""

    looked_for = forms.CharField(
        label=gettext_lazy("Doctor or department"), max_length=80, required=False
    )
    day = forms.DateField(
        label=gettext_lazy("Day"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )


class DeskConfirmForm(InsuranceForm):
    """Ask what the patient comes for, and by which policy the visit is insured."""

    uninsured = pgettext_lazy("insurance", "None: the patient pays all")

    reason = forms.CharField(
        label=gettext_lazy("What does the patient come for?"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    idempotency_key = forms.CharField(max_length=255, widget=forms.HiddenInput, required=False)


class CallerForm(forms.Form):
    """Ask for the number of somebody without an account, and whether they agree."""

    phone = PhoneField(label=gettext_lazy("The caller's phone number"))
    agrees = forms.BooleanField(
        label=gettext_lazy(
            "I have read out the terms of use and how identity and health data are used, and the "
            "caller agrees."
        )
    )


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def find_caller(request: HttpRequest) -> HttpResponse:
    """Find for whom to book; asked by POST, so that no address holds what was said."""
    form = SearchForm(request.POST or None)
    found = None
    if form.is_valid():
        found = search_people(text=form.cleaned_data["looked_for"], by=signed_in(request.user))
    status = 422 if form.is_bound and form.errors else 200
    return _page(request, "find", {"form": form, "found": found}, status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def open_account(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Open an account for a patient on record who has none, then go on booking."""
    patient = Patient.objects.filter(uid=uid).first()
    if patient is None:
        raise Missing()
    form = CallerForm(request.POST or None)
    if form.is_valid():
        try:
            link = open_account_for_caller(
                patient_uid=uid,
                phone=form.cleaned_data["phone"],
                by=signed_in(request.user),
                now=clock.now(),
            )
        except DomainError as refusal:
            form.add_error(None, refusal.detail)
            context = {"form": form, "patient": patient}
            return _page(request, "account", context, status_of(refusal))
        messages.success(request, _("The account is open. It is used by a code sent by SMS."))
        return redirect("admin:book_times", link.uid)
    context = {"form": form, "patient": patient}
    return _page(request, "account", context, 422 if form.is_bound else 200)


@never_cache
@require_safe
def times(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Show the sessions of a day with what the desk may give of them."""
    link, now = booked_for(uid), clock.now()
    form = TimesForm(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    day: date = asked.get("day") or clock.site_date(now)
    looked_for = asked.get("looked_for", "")
    sessions = desk_sessions(text=looked_for, day=day, member=link.member, now=now)
    shown = {
        "form": TimesForm(initial={"day": day, "looked_for": looked_for}),
        "day": day,
        "sessions": sessions,
        "is_cut": len(sessions) == MOST_SESSIONS,
    }
    return _page(request, "times", {**_about(link, now), **shown})


@never_cache
@sensitive_post_parameters("reason")
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, uid: uuid.UUID, schedule_uid: uuid.UUID) -> HttpResponse:
    """Say once more for whom, with whom, when and for how much; book."""
    link, now = booked_for(uid), clock.now()
    schedule = bookable_schedule(schedule_uid)
    starts_at = _instant(request.GET.get("at", ""))
    policies = usable_policies(schedule, link)
    policy = wished_policy(request.POST.get("insurance"), policies)
    form = _confirm_form(request, policies, policy)
    agreed = priced(schedule, link.member, link.patient, now)
    price = insurable(agreed, policy)
    context = {
        **_about(link, now),
        "form": form,
        "schedule": schedule,
        "starts_at": starts_at,
        "insurance": policy,
        "is_not_discounted": agreed.discount > price.discount,
        "quote": shown_insured(price, policy, schedule),
    }
    if not form.is_valid():
        return _page(request, "confirm", context, 422 if form.is_bound else 200)
    if detail := form.insurance_changed:
        return _page(request, "confirm", {**context, "detail": detail}, 409)
    try:
        placed = book_for_member(
            member=link.member,
            patient=link.patient,
            schedule_uid=schedule_uid,
            starts_at=starts_at,
            reason=form.cleaned_data["reason"],
            policy=form.policy,
            idempotency_key=form.cleaned_data["idempotency_key"] or str(uuid.uuid4()),
            by=signed_in(request.user),
            now=now,
        )
    except DomainError as refusal:
        return _page(request, "confirm", {**context, **_said(refusal)}, status_of(refusal))
    return redirect("admin:book_done", placed.appointment.reference)


@never_cache
@require_POST
def walk_in(request: HttpRequest, uid: uuid.UUID, schedule_uid: uuid.UUID) -> HttpResponse:
    """Take in somebody who stands at the desk."""
    link, now = booked_for(uid), clock.now()
    by = signed_in(request.user)
    try:
        placed = take_walk_in(
            member=link.member,
            patient=link.patient,
            schedule_uid=schedule_uid,
            may_add_place=by.has_perm("appointments.add_extra_place"),
            idempotency_key=request.POST.get("idempotency_key") or str(uuid.uuid4()),
            by=by,
            now=now,
        )
    except DomainError as refusal:
        day = clock.site_date(now)
        found = desk_sessions(text="", day=day, member=link.member, now=now)
        shown = {"form": TimesForm(initial={"day": day}), "day": day, "sessions": found}
        context = {**_about(link, now), **shown, **_said(refusal)}
        return _page(request, "times", context, status_of(refusal))
    return redirect("admin:book_done", placed.appointment.reference)


@never_cache
@require_safe
def done(request: HttpRequest, reference: str) -> HttpResponse:
    """Show what to read out."""
    rows = Appointment.objects.filter(reference=normalised_reference(reference))
    visit = with_details(rows).first()
    if visit is None:
        raise Missing()
    return _page(request, "done", {"visit": visit, "read_aloud": read_aloud(visit)})


def _confirm_form(
    request: HttpRequest,
    policies: Sequence[InsurancePolicy],
    policy: InsurancePolicy | None,
) -> DeskConfirmForm:
    """Ask with what was typed so far, or read what is to be booked."""
    if request.method == "POST" and "preview" not in request.POST:
        return DeskConfirmForm(request.POST, policies=policies)
    initial = {
        "reason": request.POST.get("reason", ""),
        "idempotency_key": request.POST.get("idempotency_key") or str(uuid.uuid4()),
        "insurance": str(policy.uid) if policy else "",
    }
    return DeskConfirmForm(initial=initial, policies=policies)


def _about(link: FamilyLink, now: datetime) -> dict[str, Any]:
    """Say for whom is booked, masked, and what staff should know of it."""
    pause = current_suspension(link.member, now) or patient_suspension(link.patient, now)
    return {"link": link, "pause": pause, "lets_book": link.lets_book(now)}


def _said(refusal: DomainError) -> dict[str, Any]:
    return {"detail": refusal.detail, "needs_consent": isinstance(refusal, ConsentMissing)}


def _instant(text: str) -> datetime | None:
    """Read a start from an address; what is none is no choice."""
    try:
        at = parse_datetime(text.replace(" ", "+"))
    except ValueError:
        return None
    return at if at and at.tzinfo else None


def _page(
    request: HttpRequest, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    shared = {**admin.site.each_context(request), "title": TITLE}
    template = f"admin/appointments/book_{name}.html"
    return TemplateResponse(request, template, {**shared, **context}, status=status)


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "book/", find_caller, name="book_for_caller", title=TITLE, permission=PERMISSION
    )
    for route, view, name, permission in (
        ("book/done/<slug:reference>/", done, "book_done", PERMISSION),
        ("book/account/<uuid:uid>/", open_account, "book_account", "members.add_patient"),
        ("book/<uuid:uid>/", times, "book_times", PERMISSION),
        ("book/<uuid:uid>/<uuid:schedule_uid>/", confirm, "book_confirm", PERMISSION),
        ("book/<uuid:uid>/<uuid:schedule_uid>/walk-in/", walk_in, "walk_in", PERMISSION),
    ):
        admin.site.add_page(
            route, view, name=name, title=TITLE, permission=permission, is_on_home=False
        )
