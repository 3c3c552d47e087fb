"""How do staff plan, publish and change single schedules?"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
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
    RoomElsewhere,
    ScheduleClash,
    SessionImpossible,
    VersionConflict,
    WrongState,
)
from scheduling.models import Doctor, Room, Schedule, Slot, VisitType
from scheduling.services.leaves import lock_doctors, require_no_leave
from scheduling.services.places import add_places, make_slots
from scheduling.services.slots import block_slots, free_slots

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
    fee: Decimal

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
    Raises: SessionImpossible, InThePast, RoomElsewhere, IdempotencyKeyReused, Missing when
    that draft was deleted.
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
    schedule = Schedule(
        doctor=plan.doctor,
        room=plan.room,
        visit_type=plan.visit_type,
        service_date=plan.service_date,
        max_appointments=plan.max_appointments,
        fee=plan.fee,
    )
    if not schedule.set_hours(plan.start_time, plan.end_time):
        raise SessionImpossible()
    if schedule.ends_at <= now:
        raise InThePast()
    _save(schedule)
    record_event(Action.SCHEDULE_CHANGED, subject=schedule, by=by, facts={"drafted": True})
    return schedule


@retry_on_conflict
@transaction.atomic(durable=True)
def publish_schedule(*, schedule_uid: uuid.UUID, by: User, now: datetime) -> Schedule:
    """Publish a draft and make its places.

    Raises: Missing, WrongState, InThePast, DoctorOnLeave, RoomElsewhere, ScheduleClash.
    """
    lock_doctors(Schedule.objects.filter(uid=schedule_uid).values_list("doctor_id", flat=True))
    schedule = _locked(schedule_uid)
    if schedule.state != ScheduleState.DRAFT:
        raise WrongState(state=schedule.get_state_display())
    if schedule.ends_at <= now:
        raise InThePast()
    require_no_leave(schedule)
    schedule.state = ScheduleState.PUBLISHED
    _save(schedule)
    places = make_slots([schedule], now=now)
    record_event(Action.SCHEDULE_PUBLISHED, subject=schedule, by=by, facts={"places": places})
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
) -> Schedule:
    """Give a schedule another room, number of places or fee; `version` is what the asker saw.

    Doctor and times stay: call the session off and plan another. Appointments keep their price.
    Raises: Missing, VersionConflict, WrongState, InThePast, RoomElsewhere, ScheduleClash,
    CapacityBelowBooked.
    """
    schedule = _locked(schedule_uid)
    if schedule.version != version:
        raise VersionConflict(version=schedule.version)
    if schedule.state not in (ScheduleState.DRAFT, ScheduleState.PUBLISHED):
        raise WrongState(state=schedule.get_state_display())
    if schedule.ends_at <= now:
        raise InThePast()
    wanted: dict[str, Any] = {"room": room, "max_appointments": max_appointments, "fee": fee}
    changed = [
        name
        for name, value in wanted.items()
        if value is not None and value != getattr(schedule, name)
    ]
    if not changed:
        return schedule
    before = schedule.max_appointments
    for name in changed:
        setattr(schedule, name, wanted[name])
    with _places_following(schedule, before):
        _save(schedule)
    record_event(Action.SCHEDULE_CHANGED, subject=schedule, by=by, changed=changed)
    return schedule


@contextmanager
def _places_following(schedule: Schedule, before: int) -> Iterator[None]:
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
        _add(schedule, slots, before)


def _give_up(surplus: list[Slot]) -> None:
    """Block free places for good; places are never deleted. Raises: CapacityBelowBooked."""
    kept = (SlotState.TAKEN, SlotState.OFFERED)
    taken = [slot.number for slot in surplus if slot.state in kept]
    if taken:
        raise CapacityBelowBooked(number=max(taken))
    block_slots(surplus)


def _add(schedule: Schedule, slots: list[Slot], before: int) -> None:
    """Open again what an earlier shrinking blocked, then spread new places over the session."""
    count = schedule.max_appointments
    free_slots([slot for slot in slots if before < slot.number <= count])
    last = max((slot.number for slot in slots), default=0)
    if last < count:
        add_places(schedule, count=count - last, first_number=last + 1)


def _locked(uid: uuid.UUID) -> Schedule:
    rows = Schedule.objects.select_related("doctor__department", "department__clinic", "visit_type")
    schedule = lock(rows.filter(uid=uid), Rung.SCHEDULE).first()
    if schedule is None:
        raise Missing()
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
