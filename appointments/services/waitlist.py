"""How does a patient come onto the waitlist, and off it?"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from appointments.choices import EntryState, HalfDay, OfferState
from appointments.errors import (
    CalledOff,
    InThePast,
    NotOpenYet,
    PlacesFree,
    SaleOver,
    TooFarAhead,
    WaitlistDuplicate,
    WaitlistFull,
    WrongState,
)
from appointments.models import Offer, WaitlistEntry
from appointments.rules import waitlist as rules
from appointments.rules.waitlist import When
from appointments.selectors.waitlist import Target, open_place_for
from appointments.services.limits import require_may_book
from appointments.services.offers import end_offer, move_wish
from appointments.services.returning import return_places
from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing, TryLater
from medbook.idempotency.services import once
from medbook.locks import Rung, conflict_as, lock, retry_on_conflict
from members.models import Member, Patient, User
from members.selectors.tiers import privilege
from members.services.booking_rights import lock_booker
from scheduling.choices import ScheduleState
from scheduling.models import Department, Schedule
from scheduling.services.slots import lock_slots

REFUSALS = {"one_open_wish_per_patient_and_target": WaitlistDuplicate}


@dataclass(frozen=True)
class Joined:
    """A wish, and whether the same request had made it before."""

    wish: WaitlistEntry
    is_replay: bool


@retry_on_conflict
@transaction.atomic(durable=True)
def join_waitlist(
    *,
    member: Member,
    patient: Patient,
    target: Target,
    when: When | None,
    by: User,
    now: datetime,
    idempotency_key: str = "",
) -> Joined:
    """Let a patient wait for a place; the weight is what the member's tier has today.

    A wish for a session is for the day of it; any other says when. Who could have a fitting
    place at once does not wait for one. The same key of the same person gives the wish that it
    made before.
    Raises: MemberSuspended, NotYourPatient, ConsentMissing, IdentityIncomplete, PatientSuspended,
    CalledOff, NotOpenYet, SaleOver, InThePast, TooFarAhead, WaitlistFull, WaitlistDuplicate,
    PlacesFree, InProgress, IdempotencyKeyReused.
    """
    if target.schedule is not None:
        when = When(target.schedule.service_date, target.schedule.service_date, tuple(HalfDay))
    if when is None:
        raise ValueError("A wish for a doctor or a department says when.")
    if not idempotency_key:
        return Joined(_join(member, patient, target, when, by, now), is_replay=False)
    said = {"patient": patient.uid, "target": target.uid, "when": when}
    with once(by, "join_waitlist", idempotency_key, said) as attempt:
        if attempt.earlier_uid:
            wish = WaitlistEntry.objects.get(uid=attempt.earlier_uid)
            return Joined(wish, is_replay=True)
        wish = _join(member, patient, target, when, by, now)
        attempt.remember(wish)
        return Joined(wish, is_replay=False)


@retry_on_conflict
@transaction.atomic(durable=True)
def change_wish(*, entry_uid: uuid.UUID, when: When, by: User, now: datetime) -> WaitlistEntry:
    """Change on which days and times of day a patient could come; the place in line stays.

    Raises: WrongState unless it waits for a doctor or department, InThePast, TooFarAhead,
    PlacesFree, Missing.
    """
    known = wish_of(entry_uid, by)
    lock_booker(known.member, known.patient)
    wish = lock(WaitlistEntry.objects.filter(pk=known.pk), Rung.WAITLIST).get()
    if wish.state != EntryState.WAITING or wish.schedule_id is not None:
        raise WrongState(state=wish.get_state_display())
    _require_within_reach(wish.department, when, now)
    wish.first_day, wish.last_day = when.first_day, when.last_day
    wish.half_days = [str(half) for half in when.half_days]
    _require_nothing_free(wish, now)
    wish.save(update_fields=["first_day", "last_day", "half_days"])
    record_event(Action.WAITLIST_CHANGED, subject=wish, by=by, reason="changed")
    return wish


@retry_on_conflict
@transaction.atomic(durable=True)
def leave_waitlist(*, entry_uid: uuid.UUID, by: User, now: datetime) -> WaitlistEntry:
    """Stop waiting; a place on offer is passed on. Leaving twice changes nothing.

    Raises: WrongState where the wish came true or has lapsed, TryLater where an offer is made at
    this very moment, Missing.
    """
    known = wish_of(entry_uid, by)
    on_offer = Offer.objects.open().filter(entry=known)
    slots = lock_slots(on_offer.values_list("slot_id", flat=True))
    offers = list(lock(on_offer.filter(slot__in=slots).order_by("id"), Rung.OFFER))
    wish = lock(WaitlistEntry.objects.filter(pk=known.pk), Rung.WAITLIST).get()
    if wish.state == EntryState.LEFT:
        return wish
    if wish.state == EntryState.OFFERED and not offers:
        raise TryLater()
    move_wish(wish, EntryState.LEFT, by=by, now=now)
    for offer in offers:
        end_offer(offer, OfferState.DECLINED, by=by, now=now)
    return_places([slot for slot in slots if slot.pk in {o.slot_id for o in offers}], now)
    return wish


def wish_of(entry_uid: uuid.UUID, by: User) -> WaitlistEntry:
    """Find a wish that this user may change. Raises: Missing, also for a stranger's."""
    rows = WaitlistEntry.objects.select_related("member", "patient")
    found = rows.filter(uid=entry_uid).first()
    if found is None or not (by.is_staff or found.member.user_id == by.pk):
        raise Missing()
    return found


def _join(
    member: Member, patient: Patient, target: Target, when: When, by: User, now: datetime
) -> WaitlistEntry:
    member, patient = lock_booker(member, patient)
    require_may_book(member=member, patient=patient, now=now)
    if target.schedule is not None:
        rows = Schedule.objects.select_related("department__clinic")
        _require_worth_waiting(rows.get(pk=target.schedule.pk), member, now)
    _require_within_reach(target.department, when, now)
    wish = WaitlistEntry(
        member=member,
        patient=patient,
        department=target.department,
        doctor=target.doctor,
        schedule=target.schedule,
        first_day=when.first_day,
        last_day=when.last_day,
        half_days=[str(half) for half in when.half_days],
        weight=privilege(member, "waitlist_weight", now),
        joined_at=now,
    )
    _require_room(patient)
    _require_nothing_free(wish, now)
    with conflict_as(REFUSALS):
        wish.save(force_insert=True)
    record_event(Action.WAITLIST_CHANGED, subject=wish, by=by, patient=patient, reason="joined")
    return wish


def _require_worth_waiting(schedule: Schedule, member: Member, now: datetime) -> None:
    """Refuse to wait for a session of which no place can be offered now or later."""
    if schedule.state == ScheduleState.CALLED_OFF:
        raise CalledOff()
    opens_at = schedule.opens_at(privilege(member, "early_access_minutes", now))
    if now < opens_at:
        raise NotOpenYet(opens_at=opens_at, zone=schedule.time_zone)
    if schedule.state != ScheduleState.PUBLISHED or now >= schedule.sale_stops_at:
        raise SaleOver()


def _require_within_reach(department: Department, when: When, now: datetime) -> None:
    """Refuse days that are over, or for which there are no sessions yet."""
    today = clock.local_date(now, department.clinic.time_zone)
    furthest = today + timedelta(days=department.horizon_days)
    if when.last_day < today:
        raise InThePast()
    if when.last_day > furthest:
        raise TooFarAhead(last_day=furthest)


def _require_room(patient: Patient) -> None:
    if WaitlistEntry.objects.open().filter(patient=patient).count() >= rules.OPEN_PER_PATIENT:
        raise WaitlistFull(limit=rules.OPEN_PER_PATIENT)


def _require_nothing_free(wish: WaitlistEntry, now: datetime) -> None:
    if open_place_for(wish, now) is not None:
        raise PlacesFree()
