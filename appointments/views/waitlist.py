"""How do members wait for a place, and answer when one is offered?"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from appointments.choices import EntryState, HalfDay, OfferState
from appointments.errors import OfferExpired
from appointments.forms import AnswerForm, JoinForm, TargetForm, WhenForm
from appointments.models import Offer, WaitlistEntry
from appointments.rules import waitlist as rules
from appointments.selectors.alternatives import Alternatives, alternatives_to
from appointments.selectors.terms import terms_of
from appointments.selectors.waitlist import (
    Target,
    ended_wishes,
    open_offers,
    open_wishes,
    own_offer,
    own_wish,
    target_named,
)
from appointments.services.offer_answers import accept_offer, decline_offer
from appointments.services.waitlist import change_wish, join_waitlist, leave_waitlist
from medbook import clock
from medbook.api import status_of
from medbook.errors import DomainError, Missing
from members.choices import ConsentPurpose
from members.errors import ConsentMissing as AgreementMissing
from members.models import Member
from members.selectors.people import bookable_links
from members.selectors.tiers import most_allowed, privilege
from members.views.consents import ask_for_consent
from members.views.entrance import for_members


@for_members
@require_safe
def waitlist(request: HttpRequest, member: Member) -> HttpResponse:
    """Show what a member waits for, what is offered, and how the chances look."""
    now = clock.now()
    context = {
        "member": member,
        "wishes": open_wishes(member, now),
        "ended": ended_wishes(member),
        **_tier_effect(member, now),
    }
    return render(request, "appointments/waitlist.html", context)


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, member: Member) -> HttpResponse:
    """Ask for whom and when; put the patient on the waitlist of what the address names."""
    now = clock.now()
    target = target_named(**TargetForm(request.GET).named)
    if target is None:
        return redirect("appointments:doctors")
    links = bookable_links(member, now)
    said = request.POST if request.method == "POST" else None
    form = JoinForm(
        said, links=links, asks_when=target.schedule is None, initial=_any_day(target, now)
    )
    context = {
        "member": member,
        "clinic": target.department.clinic,
        "target": target,
        "form": form,
        "has_patient": bool(links),
        "called": links[0].called if len(links) == 1 else "",
        **_tier_effect(member, now),
    }
    if not links or not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "appointments/waitlist_join.html", context, status=status)
    try:
        join_waitlist(
            member=member,
            patient=form.chosen,
            target=target,
            when=None if target.schedule else form.when,
            by=member.user,
            now=now,
        )
    except AgreementMissing as refusal:
        way_back = request.get_full_path()
        return ask_for_consent(request, ConsentPurpose.SENSITIVE_DATA, refusal, way_back)
    except Missing:
        raise
    except DomainError as refusal:
        form.add_error(None, refusal.detail)
        context |= {"helps": _helps(refusal, target, member, now)}
        status = status_of(refusal)
        return render(request, "appointments/waitlist_join.html", context, status=status)
    return redirect("appointments:waitlist")


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def wish(request: HttpRequest, member: Member, uid: uuid.UUID) -> HttpResponse:
    """Show one wish; change its days and times of day."""
    now = clock.now()
    entry = own_wish(member, uid)
    if not entry.is_open:
        return redirect("appointments:waitlist")
    initial = {name: getattr(entry, name) for name in ("first_day", "last_day", "half_days")}
    form = WhenForm(request.POST if request.method == "POST" else None, initial=initial)
    context: dict[str, Any] = {
        "member": member,
        "clinic": entry.department.clinic,
        "wish": entry,
        "offer": open_offers(member, now).filter(entry=entry).first(),
        "form": form,
        "may_change": entry.state == EntryState.WAITING and entry.schedule is None,
    }
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "appointments/waitlist_wish.html", context, status=status)
    try:
        change_wish(entry_uid=uid, when=form.when, by=member.user, now=now)
    except Missing:
        raise
    except DomainError as refusal:
        form.add_error(None, refusal.detail)
        target = Target(entry.department, entry.doctor, entry.schedule)
        context |= {"helps": _helps(refusal, target, member, now)}
        status = status_of(refusal)
        return render(request, "appointments/waitlist_wish.html", context, status=status)
    return redirect("appointments:waitlist")


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, member: Member, uid: uuid.UUID) -> HttpResponse:
    """Stop waiting; asked for by address, show the wish."""
    if request.method != "POST":
        return redirect("appointments:wish", own_wish(member, uid).uid)
    leave_waitlist(entry_uid=uid, by=member.user, now=clock.now())
    return redirect("appointments:waitlist")


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def offer(request: HttpRequest, member: Member, uid: uuid.UUID) -> HttpResponse:
    """Show a place that is kept for somebody; take the answer."""
    now = clock.now()
    kept = own_offer(member, uid)
    if kept.state == OfferState.ACCEPTED and kept.appointment:
        return redirect("appointments:confirm", kept.appointment.reference)
    if kept.state != OfferState.OPEN or kept.is_lapsed(now):
        return _offer_over(request, member, kept, now)
    form = AnswerForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _ask(request, kept, now, status=422 if form.is_bound else 200)
    answer = form.cleaned_data["answer"]
    try:
        if answer == "accept":
            held = accept_offer(offer_uid=uid, by=member.user, now=now)
            return redirect("appointments:confirm", held.reference)
        decline_offer(offer_uid=uid, keep=answer == "keep", by=member.user, now=now)
    except OfferExpired:
        return _offer_over(request, member, own_offer(member, uid), now)
    except AgreementMissing as refusal:
        return ask_for_consent(request, ConsentPurpose.SENSITIVE_DATA, refusal, request.path)
    except Missing:
        raise
    except DomainError as refusal:
        return _ask(request, kept, now, status=status_of(refusal), detail=refusal.detail)
    if kept.called_off:
        return redirect("appointments:appointment", kept.called_off.reference)
    return redirect("appointments:waitlist")


def _ask(
    request: HttpRequest, kept: Offer, now: datetime, *, status: int = 200, detail: str = ""
) -> HttpResponse:
    """Show what is offered, for whom, for how much and until when."""
    schedule = kept.slot.schedule
    context = {
        "member": kept.member,
        "clinic": schedule.department.clinic,
        "offer": kept,
        "schedule": schedule,
        "quote": terms_of(kept.member, now).price(schedule),
        "detail": detail,
    }
    return render(request, "appointments/offer.html", context, status=status)


def _offer_over(request: HttpRequest, member: Member, kept: Offer, now: datetime) -> HttpResponse:
    """Say that an offer is over, whether the wish waits on, and what else is free."""
    schedule = kept.slot.schedule
    refusal = OfferExpired(expired_at=kept.expires_at, zone=schedule.time_zone)
    context = {
        "member": member,
        "clinic": schedule.department.clinic,
        "offer": kept,
        "schedule": schedule,
        "waits_on": kept.entry is not None and _waits_on(kept, kept.entry),
        "helps": alternatives_to(
            refusal,
            schedule=schedule,
            starts_at=kept.slot.starts_at,
            member=member,
            terms=terms_of(member, now),
            now=now,
        ),
    }
    return render(request, "appointments/offer_over.html", context, status=410)


def _waits_on(kept: Offer, entry: WaitlistEntry) -> bool:
    """Tell whether a wish waits on after an offer, also one that no sweep has ended yet."""
    if kept.state == OfferState.OPEN:
        return rules.state_after_lapse(entry.lapses + 1) == EntryState.WAITING
    return entry.is_open


def _helps(
    refusal: DomainError, target: Target, member: Member, now: datetime
) -> Alternatives | None:
    """Find what is free instead of waiting, or besides it."""
    if target.schedule is None:
        return None
    return alternatives_to(
        refusal,
        schedule=target.schedule,
        starts_at=None,
        member=member,
        terms=terms_of(member, now),
        now=now,
    )


def _any_day(target: Target, now: datetime) -> dict[str, Any]:
    """Suggest the days of the department's horizon, and any time of day."""
    today = clock.local_date(now, target.time_zone)
    return {
        "first_day": today + timedelta(days=1),
        "last_day": today + timedelta(days=target.department.horizon_days),
        "half_days": list(HalfDay),
    }


def _tier_effect(member: Member, now: datetime) -> dict[str, Any]:
    """Tell how the member's tier counts on the waitlist, and whether others count more."""
    weight = privilege(member, "waitlist_weight", now)
    most = most_allowed("waitlist_weight", now)
    return {"weight": weight, "most_weight": most, "is_weighted": most > 1}
