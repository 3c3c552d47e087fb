"""How do staff plan, publish and change single schedules?"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import DomainError, Missing
from medbook.idempotency.services import once
from medbook.locks import Rung, conflict_as, lock, retry_on_conflict
from members.models import User
from scheduling.choices import ScheduleState, SlotState
from scheduling.errors import (
    CapacityBelowBooked,
    InThePast,
    KeptTooMany,
    RoomElsewhere,
    ScheduleClash,
    SessionImpossible,
    VersionConflict,
    WrongState,
)
from scheduling.models import Doctor, Room, Schedule, Slot, VisitType
from scheduling.selectors.changes import last_change
from scheduling.selectors.prices import require_price
from scheduling.services.leaves import lock_doctors, require_no_leave, sat
from scheduling.services.obstacles import doubts_about, require_active_doctor, require_open_room
from scheduling.services.places import add_places, make_slots
from scheduling.services.slots import block_slots, free_slots

PLANNED = (
    "doctor",
    "room",
    "visit_type",
    "service_date",
    "max_appointments",
    "desk_places",
    "high_demand",
)
CLASHES = ("doctor_sits_once_at_a_time", "room_used_once_at_a_time")


@dataclass(frozen=True)
class SessionPlan:
    """What somebody wants a doctor to sit: a clinic date with clinic times."""

    doctor: Doctor
    room: Room
    visit_type: VisitType
    service_date: date
    start_time: time
    end_time: time
    max_appointments: int
    fee: Decimal | None = None  # the price of that day
    desk_places: int = 0
    high_demand: bool = False

    @property
    def request(self) -> dict[str, Any]:
        """What was asked, in values that are the same each time."""
        things = ("doctor", "room", "visit_type")
        return {**vars(self), **{name: getattr(self, name).uid for name in things}}


@dataclass(frozen=True)
class Drafted:
    """A draft, and whether an earlier request made it."""

    schedule: Schedule
    is_replay: bool


@retry_on_conflict
@transaction.atomic(durable=True)
def draft_schedule(
    *, plan: SessionPlan, by: User, now: datetime, idempotency_key: str = ""
) -> Drafted:
    """Write a session down as a draft, without places; a draft is a wish and may clash.

    The same key of the same person gives the draft that it made before.
    Raises: SessionImpossible, InThePast, RoomElsewhere, NoPrice, IdempotencyKeyReused, Missing
    when that draft was deleted.
    """
    if not idempotency_key:
        return Drafted(_draft(plan, by, now), is_replay=False)
    with once(by, "draft_schedule", idempotency_key, plan.request) as attempt:
        if attempt.earlier_uid:
            return Drafted(_made_before(attempt.earlier_uid), is_replay=True)
        schedule = _draft(plan, by, now)
        attempt.remember(schedule)
        return Drafted(schedule, is_replay=False)


def _made_before(uid: uuid.UUID) -> Schedule:
    schedule = Schedule.objects.filter(uid=uid).first()
    if schedule is None:
        raise Missing()
    return schedule


def _draft(plan: SessionPlan, by: User, now: datetime) -> Schedule:
    schedule = Schedule()
    _follow(schedule, plan, now)
    _save(schedule)
    record_event(Action.SCHEDULE_CHANGED, subject=schedule, by=by, facts={"drafted": True})
    return schedule


def _follow(schedule: Schedule, plan: SessionPlan, now: datetime) -> None:
    """Take over what is planned. Raises: SessionImpossible, InThePast, KeptTooMany, NoPrice."""
    for name in PLANNED:
        setattr(schedule, name, getattr(plan, name))
    if not schedule.set_hours(plan.start_time, plan.end_time):
        raise SessionImpossible()
    if schedule.ends_at <= now:
        raise InThePast()
    _require_enough_places(schedule)
    if plan.fee is None:
        schedule.fee = require_price(plan.doctor, plan.visit_type, plan.service_date)
    else:
        schedule.fee = plan.fee


def _require_enough_places(schedule: Schedule) -> None:
    if schedule.desk_places > schedule.max_appointments:
        raise KeptTooMany(kept=schedule.desk_places, places=schedule.max_appointments)


@retry_on_conflict
@transaction.atomic(durable=True)
def redraft_schedule(
    *, schedule_uid: uuid.UUID, version: int, plan: SessionPlan, by: User, now: datetime
) -> Schedule:
    """Write a draft anew, hours and doctor too; `version` is what the asker saw.

    Raises: Missing, VersionConflict, WrongState, SessionImpossible, InThePast, RoomElsewhere,
    KeptTooMany, NoPrice.
    """
    schedule = _locked(schedule_uid, version)
    _require_draft(schedule)
    before = {name: getattr(schedule, name) for name in (*PLANNED, "fee", "starts_at", "ends_at")}
    _follow(schedule, plan, now)
    changed = [name for name, value in before.items() if value != getattr(schedule, name)]
    if changed:
        _save(schedule)
        record_event(Action.SCHEDULE_CHANGED, subject=schedule, by=by, changed=changed)
    return schedule


@retry_on_conflict
@transaction.atomic(durable=True)
def delete_draft(*, schedule_uid: uuid.UUID, version: int, by: User, now: datetime) -> None:
    """Delete what nobody but staff has seen; the operation log keeps that it was there.

    Raises: Missing, VersionConflict, WrongState.
    """
    schedule = _locked(schedule_uid, version)
    _require_draft(schedule)
    facts = {"doctor": str(schedule.doctor.uid), "date": schedule.service_date.isoformat()}
    record_event(Action.SCHEDULE_DELETED, subject=schedule, by=by, facts=facts)
    schedule.delete()


def _require_draft(schedule: Schedule) -> None:
    if schedule.state != ScheduleState.DRAFT:
        raise WrongState(state=schedule.get_state_display())


@retry_on_conflict
@transaction.atomic(durable=True)
def publish_schedule(
    *, schedule_uid: uuid.UUID, by: User, now: datetime, reason: str = ""
) -> Schedule:
    """Publish a draft and make its places.

    A reason lets it through on a public holiday or above the doctor's weekly hours, and goes into
    the operation log; nothing else can be overridden.
    Raises: Missing, WrongState, InThePast, DoctorInactive, DoctorOnLeave, RoomClosed,
    RoomElsewhere, ScheduleClash, OnHoliday, AboveWeeklyHours.
    """
    lock_doctors(Schedule.objects.filter(uid=schedule_uid).values_list("doctor_id", flat=True))
    schedule = _locked(schedule_uid)
    _require_draft(schedule)
    if schedule.ends_at <= now:
        raise InThePast()
    require_active_doctor(schedule)
    require_no_leave(schedule)
    require_open_room(schedule)
    doubts = doubts_about(schedule)
    if doubts and not reason:
        raise doubts[0]
    schedule.state = ScheduleState.PUBLISHED
    _save(schedule)
    facts: dict[str, Any] = {"places": make_slots([schedule], now=now)}
    if doubts:
        facts["overridden"] = [doubt.code for doubt in doubts]
    reason = reason if doubts else ""
    record_event(Action.SCHEDULE_PUBLISHED, subject=schedule, by=by, reason=reason, facts=facts)
    return schedule


@retry_on_conflict
@transaction.atomic(durable=True)
def change_schedule(
    *,
    schedule_uid: uuid.UUID,
    version: int,
    by: User,
    now: datetime,
    room: Room | None = None,
    max_appointments: int | None = None,
    fee: Decimal | None = None,
    desk_places: int | None = None,
    high_demand: bool | None = None,
) -> Schedule:
    """Give a schedule another room, number of places or fee; `version` is what the asker saw.

    Doctor and times stay: call the session off and plan another. Appointments keep their price.
    What is kept for the desk follows in a draft only; published places are kept as they are.
    Raises: Missing, VersionConflict, WrongState, InThePast, RoomElsewhere, ScheduleClash,
    CapacityBelowBooked, KeptTooMany.
    """
    schedule = _locked(schedule_uid, version)
    if schedule.state not in (ScheduleState.DRAFT, ScheduleState.PUBLISHED):
        raise WrongState(state=schedule.get_state_display())
    if schedule.ends_at <= now:
        raise InThePast()
    wanted: dict[str, Any] = {
        "room": room,
        "max_appointments": max_appointments,
        "fee": fee,
        "desk_places": desk_places,
        "high_demand": high_demand,
    }
    changed = [
        name
        for name, value in wanted.items()
        if value is not None and value != getattr(schedule, name)
    ]
    if not changed:
        return schedule
    if "desk_places" in changed:
        _require_draft(schedule)
    before = schedule.max_appointments
    for name in changed:
        setattr(schedule, name, wanted[name])
    _require_enough_places(schedule)
    with _places_following(schedule, before, now):
        _save(schedule)
    record_event(Action.SCHEDULE_CHANGED, subject=schedule, by=by, changed=changed)
    return schedule


@contextmanager
def _places_following(schedule: Schedule, before: int, now: datetime) -> Iterator[None]:
    """Shrink places before a schedule says fewer, and add them after it says more."""
    count = schedule.max_appointments
    if schedule.state != ScheduleState.PUBLISHED or count == before:
        yield
        return
    slots = list(lock(Slot.objects.filter(schedule=schedule).order_by("id"), Rung.SLOT))
    if count < before:
        _give_up([slot for slot in slots if slot.number > count])
        yield
    else:
        yield
        _add(schedule, slots, before, now)


def _give_up(surplus: list[Slot]) -> None:
    """Block free places for good; places are never deleted. Raises: CapacityBelowBooked."""
    kept = (SlotState.TAKEN, SlotState.OFFERED)
    taken = [slot for slot in surplus if slot.state in kept]
    if taken:
        references: list[str] = import_string(settings.BOOKED_IN)([slot.pk for slot in taken])
        raise CapacityBelowBooked(
            number=max(slot.number for slot in taken),
            count=len(taken),
            references=", ".join(references) or "–",
        )
    block_slots(surplus)


def _add(schedule: Schedule, slots: list[Slot], before: int, now: datetime) -> None:
    """Open again what an earlier shrinking blocked, then spread new places over the session.

    Nothing is opened that has begun, for somebody may have used it up, nor while the doctor is on
    leave for a part of the session.
    """
    count = schedule.max_appointments
    ahead = [slot for slot in slots if before < slot.number <= count and slot.starts_at > now]
    free_slots(sat(ahead))
    last = max((slot.number for slot in slots), default=0)
    if last < count:
        add_places(schedule, count=count - last, first_number=last + 1)
        new = list(Slot.objects.filter(schedule=schedule, number__gt=last).order_by("id"))
        open_ones = {slot.pk for slot in sat(new)}
        block_slots([slot for slot in new if slot.pk not in open_ones])


def _locked(uid: uuid.UUID, version: int | None = None) -> Schedule:
    """Lock a schedule, of which the asker may have seen a version.

    Raises: Missing, VersionConflict.
    """
    rows = Schedule.objects.select_related("doctor__department", "department__clinic", "visit_type")
    schedule = lock(rows.filter(uid=uid), Rung.SCHEDULE).first()
    if schedule is None:
        raise Missing()
    if version is not None and schedule.version != version:
        last = last_change(schedule.uid)
        raise VersionConflict(
            version=schedule.version,
            who=last.who if last else _("Somebody"),
            at=last.at if last else "–",
            zone=schedule.time_zone,
        )
    return schedule


def _save(schedule: Schedule) -> None:
    """Write the next version. Raises: RoomElsewhere, ScheduleClash naming what is in the way."""
    if schedule.room.clinic_id != schedule.department.clinic_id:
        raise RoomElsewhere()
    if schedule.state != ScheduleState.DRAFT:
        _refuse_clash(schedule)
    if not schedule._state.adding:
        schedule.version += 1
    with conflict_as(dict.fromkeys(CLASHES, _unnamed_clash)):
        schedule.save()


def _refuse_clash(schedule: Schedule) -> None:
    try:
        schedule.refuse_clash()
    except ValidationError as clash:
        raise ScheduleClash(clash=" ".join(clash.messages)) from clash


def _unnamed_clash() -> DomainError:
    """Word a clash with what another transaction wrote a moment ago."""
    return ScheduleClash(clash=_("The doctor or the room is busy at that time."))
