"""What is a member told of a visit after the commit?"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.utils import translation
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from appointments.choices import AppointmentState, EntryState, OfferState
from appointments.models import Appointment, Offer, WaitlistEntry
from appointments.rules import booking as rules
from appointments.rules.comparable import kept_until
from appointments.selectors.leave import CALLED_OFF, Hit, leave_behind
from billing.choices import RefundReason
from billing.selectors import claim_by, refund_by, refunds_of
from medbook import clock, money
from members.selectors.wording import Words, changed_template, message_kinds, worded
from members.services.messages import Fact, notify_member, withdraw_messages
from scheduling.choices import LeaveReason, ScheduleState
from scheduling.models import Schedule

BOOKED, RESCHEDULED = "appointment_booked", "appointment_rescheduled"
MISSED = "appointment_missed"


def tell_booked(*, appointment_uid: str) -> None:
    """Confirm a booking, unless it has ended meanwhile or was confirmed before."""
    visit = _visit(appointment_uid)
    if visit.confirmation_sent_at is not None or visit.state != AppointmentState.BOOKED:
        return
    now = clock.now()
    _tell(visit, BOOKED, _facts(visit, now), now)
    visit.confirmation_sent_at = now
    visit.save(update_fields=["confirmation_sent_at"])


def tell_rescheduled(*, appointment_uid: str, before: str) -> None:
    """Tell the new time, and withdraw what was told of the old one; of two changes, the last."""
    visit = _visit(appointment_uid)
    if visit.state != AppointmentState.BOOKED:
        return
    now = clock.now()
    _withdraw_times(visit)
    facts = {**_facts(visit, now), "before": datetime.fromisoformat(before)}
    _tell(visit, RESCHEDULED, facts, now, key=f"{visit.uid}:{visit.sequence}")


def tell_cancelled(*, appointment_uid: str) -> None:
    """Confirm that a booked visit is cancelled; of a hold that was given up, say nothing."""
    visit = _visit(appointment_uid)
    if visit.confirmed_at is None or visit.state != AppointmentState.CANCELLED:
        return
    _withdraw_times(visit)
    _tell(visit, "appointment_cancelled", {}, clock.now())


def tell_paid_too_late(*, appointment_uid: str) -> None:
    """Tell that a payment came after the place was gone, and that the money goes back."""
    visit = _visit(appointment_uid)
    refunds = refunds_of([visit.subject], RefundReason.LATE).get(visit.subject, [])
    back = sum((refund.amount for refund in refunds), Decimal(0))
    amount_of = lazy(money.shown, str)
    _tell(visit, "payment_too_late", {"amount": amount_of(back, visit.currency)}, clock.now())


def tell_insurer_bears_less(*, subject: str, claim_uid: str) -> None:
    """Tell what of a visit the insurer does not bear after all, unless the visit has ended."""
    claim = claim_by(uuid.UUID(claim_uid))
    visit = _visit(subject.removeprefix("appointment:"))
    if not visit.is_live and visit.state != AppointmentState.COMPLETED:
        return
    amount_of = lazy(money.shown, str)
    facts: Mapping[str, Fact] = {
        name: amount_of(amount, visit.currency)
        for name, amount in (
            ("borne", claim.borne),
            ("asked", claim.quoted),
            ("rest", claim.quoted - claim.borne),
        )
    }
    _tell(visit, "insurer_bears_less", facts, clock.now(), key=claim_uid)


def tell_refunded(*, refund_uid: str) -> None:
    """Tell that money has gone back."""
    refund = refund_by(uuid.UUID(refund_uid))
    kind, _colon, uid = refund.payment.invoice.subject.partition(":")
    if kind != "appointment":
        return
    why_of, amount_of = lazy(refund.get_reason_display, str), lazy(money.shown, str)
    facts: Mapping[str, Fact] = {
        "amount": amount_of(refund.amount, refund.currency),
        "why": why_of(),
    }
    _tell(_visit(uid), "money_given_back", facts, clock.now(), key=refund_uid)


def tell_called_off(visit: Appointment, offers: Sequence[Offer], now: datetime) -> None:
    """Tell that the clinic cannot see the patient, why, what comes back and what is kept."""
    _withdraw_times(visit)
    why_of, money_of, choices_of = lazy(_why, str), lazy(_money, str), lazy(_choices, str)
    away = leave_behind(visit)
    refunds = refunds_of([visit.subject], RefundReason.CALLED_OFF).get(visit.subject, [])
    until = min((offer.expires_at for offer in offers), default=now)
    facts: Mapping[str, Fact] = {
        "why": why_of(away.reason if away else ""),
        "money": money_of(sum((refund.amount for refund in refunds), Decimal(0)), visit.currency),
        "choices": choices_of(len(offers), until, visit.time_zone),
    }
    _tell(visit, CALLED_OFF, facts, now)


def called_off_words(hit: Hit, reason: str, language: str, now: datetime) -> Words:
    """Word in a language what a member would be told of a visit, were it called off now."""
    visit, kind = hit.visit, message_kinds()[CALLED_OFF]
    until = min((kept_until(place.starts_at, now) for place in hit.places), default=now)
    with translation.override(language):
        facts = {
            "when": clock.text(visit.starts_at, visit.time_zone),
            "reference": visit.reference,
            "why": _why(reason),
            "money": _money(hit.paid, visit.currency),
            "choices": _choices(len(hit.places), until, visit.time_zone),
        }
        return worded(kind, facts, changed_template(kind))


def tell_wish_ended(entry: WaitlistEntry, schedule: Schedule, now: datetime) -> None:
    """Tell that the session somebody waited for will not take place."""
    notify_member(
        member=entry.member,
        kind="waitlist_called_off",
        key=str(entry.uid),
        facts={"when": schedule.starts_at},
        path="waitlist/",
        now=now,
        zone=schedule.time_zone,
    )


def tell_wish_over(*, entry_uid: str) -> None:
    """Tell that a wish has run out, or that its session is called off, whichever it was."""
    rows = WaitlistEntry.objects.select_related(
        "member__user", "department__clinic", "schedule__department__clinic"
    )
    entry, now = rows.get(uid=uuid.UUID(entry_uid)), clock.now()
    if entry.schedule and entry.schedule.state == ScheduleState.CALLED_OFF:
        tell_wish_ended(entry, entry.schedule, now)
        return
    wanted_of = lazy(_wanted, str)
    notify_member(
        member=entry.member,
        kind="waitlist_over",
        key=entry_uid,
        facts={"wanted": wanted_of(entry)},
        path="doctors/",
        now=now,
        zone=entry.time_zone,
    )


def _wanted(entry: WaitlistEntry) -> str:
    """Say for when somebody has waited: the start of the session, or the days."""
    if entry.schedule:
        return clock.text(entry.schedule.starts_at, entry.time_zone)
    days = sorted({entry.first_day, entry.last_day})
    return " – ".join(clock.day_text(day) for day in days)


def tell_offered(*, offer_uid: str) -> None:
    """Tell of a place from the waitlist while it is still kept; of a called-off visit's, its own
    message tells.
    """
    offer = _offer(offer_uid)
    now = clock.now()
    if offer.entry_id is not None and offer.state == OfferState.OPEN and now < offer.expires_at:
        _tell_of_offer(offer, "waitlist_offer", {}, now)


def tell_offer_lapsed(*, offer_uid: str) -> None:
    """Tell that an offer went unanswered or unconfirmed, and whether the wish waits on."""
    offer = _offer(offer_uid)
    if offer.entry is None:
        return
    withdraw_messages(member=offer.member, kind="waitlist_offer", key=offer_uid)
    next_of, held = lazy(_next, str), offer.appointment
    until = (held and held.ended_at) or offer.expires_at
    facts: Mapping[str, Fact] = {"next": next_of(offer.entry.state), "until": until}
    _tell_of_offer(offer, "waitlist_lapsed", facts, clock.now())


def _next(state: str) -> str:
    """Say whether a wish waits on after an offer that went unanswered."""
    if state == EntryState.LAPSED:
        return _("It was the second one: you are no longer on the waitlist.")
    return _("You keep your place on the waitlist.")


def _offer(uid: str) -> Offer:
    rows = Offer.objects.select_related(
        "entry__member__user",
        "called_off__member__user",
        "slot__schedule__department__clinic",
        "appointment",
    )
    return rows.get(uid=uuid.UUID(uid))


def _tell_of_offer(offer: Offer, kind: str, facts: Mapping[str, Fact], now: datetime) -> None:
    notify_member(
        member=offer.member,
        kind=kind,
        key=str(offer.uid),
        facts={"when": offer.slot.starts_at, "until": offer.expires_at, **facts},
        path=f"waitlist/offers/{offer.uid}/",
        now=now,
        zone=offer.slot.schedule.time_zone,
    )


def tell_missed(*, appointment_uid: str) -> None:
    """Tell that somebody was noted as not come, and how to say that this is wrong."""
    visit = _visit(appointment_uid)
    if visit.state == AppointmentState.NO_SHOW:
        _tell(visit, MISSED, {}, clock.now())


def withdraw_missed(*, appointment_uid: str) -> None:
    """Hold back what was to be told of a visit that was not missed after all."""
    visit = _visit(appointment_uid)
    if visit.state != AppointmentState.NO_SHOW:
        withdraw_messages(member=visit.member, kind=MISSED, key=appointment_uid)


def _visit(uid: str) -> Appointment:
    rows = Appointment.objects.select_related(
        "member__user", "department__clinic", "slot__schedule__room"
    )
    return rows.get(uid=uuid.UUID(uid))


def _withdraw_times(visit: Appointment) -> None:
    """Withdraw what has not gone out yet of the times that the visit had."""
    withdraw_messages(member=visit.member, kind=BOOKED, key=str(visit.uid))
    for sequence in range(1, visit.sequence + 1):
        key = f"{visit.uid}:{sequence}"
        withdraw_messages(member=visit.member, kind=RESCHEDULED, key=key)


def _facts(visit: Appointment, now: datetime) -> dict[str, Fact]:
    """Say where and when to be there, and until when cancelling is free."""
    place_of, deadline_of = lazy(_place, str), lazy(_deadline, str)
    return {
        "where": place_of(visit),
        "arrive_by": rules.arrive_by(visit.starts_at),
        "cancelling": deadline_of(visit, now),
    }


def _tell(
    visit: Appointment, kind: str, facts: Mapping[str, Fact], now: datetime, key: str = ""
) -> None:
    notify_member(
        member=visit.member,
        kind=kind,
        key=key or str(visit.uid),
        facts={"when": visit.starts_at, "reference": visit.reference, **facts},
        path=f"appointments/{visit.reference}/",
        now=now,
        zone=visit.department.clinic.time_zone,
    )


def _place(visit: Appointment) -> str:
    """Say where to go, as far as it tells nothing of what for."""
    clinic, room = visit.department.clinic, visit.slot.schedule.room
    room_text = _("room %(room)s") % {"room": room.code}
    parts = (clinic.name, clinic.address, room.place, room_text)
    return pgettext("between the parts of an address", ", ").join(filter(None, parts))


def _deadline(visit: Appointment, now: datetime) -> str:
    """Say until when cancelling is free, while it is."""
    if now >= visit.cancel_until:
        return ""
    until = clock.text(visit.cancel_until, visit.department.clinic.time_zone)
    return _("You can cancel free of charge until %(until)s.") % {"until": until}


def _why(reason: str) -> str:
    """Say why the doctor does not sit, as far as members may know."""
    return {
        LeaveReason.ILLNESS: _("The doctor is ill."),
        LeaveReason.HOLIDAY: _("The doctor is on holiday."),
        LeaveReason.TRAINING: _("The doctor is at a training."),
    }.get(LeaveReason(reason) if reason else LeaveReason.OTHER, _("The doctor is not available."))


def _money(amount: Decimal, currency: str) -> str:
    """Say what becomes of the money."""
    if not amount:
        return _("It costs you nothing.")
    return _("You get %(amount)s back.") % {"amount": money.shown(amount, currency)}


def _choices(count: int, until: datetime, zone: str) -> str:
    """Say how many places are kept, and until when the first of them is."""
    if not count:
        return _("Please choose another time.")
    said = ngettext(
        "%(count)d other time is kept for you until %(until)s.",
        "%(count)d other times are kept for you until %(until)s.",
        count,
    )
    return said % {"count": count, "until": clock.text(until, zone)}
