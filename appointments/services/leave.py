"""How does staff prepare, confirm and withdraw a doctor's leave?"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from appointments.rules.leave import is_possible
from appointments.selectors.leave import LEAVE_KIND, job_of
from appointments.services.calling_off import close_sale
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.idempotency.services import once
from medbook.jobs.services import start_job
from medbook.locks import conflict_as, retry_on_conflict
from members.models import User
from scheduling.choices import LeaveState
from scheduling.errors import LeaveChanged, LeaveImpossible, LeaveOverlaps, LeaveStands
from scheduling.models import Doctor, Leave
from scheduling.services.leaves import lock_doctors


@dataclass(frozen=True)
class Absence:
    """What somebody writes down of a leave: who, when, what members and what staff may know."""

    doctor: Doctor
    starts_at: datetime
    ends_at: datetime
    reason: str
    note: str = ""


@dataclass(frozen=True)
class Made:
    """A leave, and whether an earlier request made it."""

    leave: Leave
    is_replay: bool


@retry_on_conflict
@transaction.atomic(durable=True)
def draft_leave(*, absence: Absence, by: User, now: datetime) -> Leave:
    """Write a leave down; a draft changes nothing. Raises: LeaveImpossible, LeaveOverlaps."""
    lock_doctors([absence.doctor.pk])
    return _draft(absence, by, now)


@retry_on_conflict
@transaction.atomic(durable=True)
def change_leave(
    *, leave_uid: uuid.UUID, version: int, absence: Absence, by: User, now: datetime
) -> Leave:
    """Write a draft anew; `version` is what the writer saw.

    Raises: LeaveImpossible, LeaveOverlaps, LeaveChanged, LeaveStands, Missing.
    """
    leave = _locked_draft(leave_uid, version, also=absence.doctor.pk)
    for name, value in vars(absence).items():
        setattr(leave, name, value)
    _require_possible(leave, now)
    leave.version += 1
    leave.save()
    record_event(Action.LEAVE_CHANGED, subject=leave, by=by, reason=leave.state)
    return leave


@retry_on_conflict
@transaction.atomic(durable=True)
def withdraw_leave(*, leave_uid: uuid.UUID, version: int, by: User, now: datetime) -> Leave:
    """Give a draft up. Raises: LeaveChanged, LeaveStands, Missing."""
    leave = _locked_draft(leave_uid, version)
    leave.state = LeaveState.WITHDRAWN
    leave.version += 1
    leave.save(update_fields=["state", "version"])
    record_event(Action.LEAVE_CHANGED, subject=leave, by=by, reason=leave.state)
    return leave


@retry_on_conflict
@transaction.atomic(durable=True)
def confirm_leave(
    *, leave_uid: uuid.UUID, version: int, reason: str, by: User, now: datetime
) -> Leave:
    """Close the sale at once and start the job that calls the visits off. Cannot be undone.

    `reason` is kept in the operation log. Confirming twice changes nothing.
    Raises: LeaveImpossible, LeaveOverlaps, LeaveChanged, LeaveStands, Missing.
    """
    leave = _locked(leave_uid)
    if leave.state in (LeaveState.CONFIRMED, LeaveState.DONE):
        return leave
    _require_draft(leave, version)
    _require_possible(leave, now)
    _confirm(leave, reason, by, now)
    return leave


@retry_on_conflict
@transaction.atomic(durable=True)
def call_off_now(
    *,
    absence: Absence,
    reason: str,
    by: User,
    now: datetime,
    is_emergency: bool = True,
    idempotency_key: str = "",
) -> Made:
    """Write a leave down and confirm it in one step.

    The same key of the same person gives the leave that it made before.
    Raises: LeaveImpossible, LeaveOverlaps, IdempotencyKeyReused.
    """
    if not idempotency_key:
        return Made(_call_off_now(absence, reason, by, now, is_emergency), is_replay=False)
    said = {**vars(absence), "doctor": absence.doctor.uid, "because": reason}
    with once(by, "call_off_leave", idempotency_key, said) as attempt:
        if attempt.earlier_uid:
            return Made(Leave.objects.get(uid=attempt.earlier_uid), is_replay=True)
        leave = _call_off_now(absence, reason, by, now, is_emergency)
        attempt.remember(leave)
        return Made(leave, is_replay=False)


@retry_on_conflict
@transaction.atomic(durable=True)
def carry_on(*, leave_uid: uuid.UUID, by: User, now: datetime) -> Leave:
    """Start the job of a confirmed leave again where it was left lying. Raises: Missing."""
    leave = _locked(leave_uid)
    job = job_of(leave)
    if leave.state == LeaveState.CONFIRMED and not (job and job.is_unfinished):
        start_job(kind=LEAVE_KIND, by_uid=by.uid, ids={"leave": str(leave.uid)}, now=now)
    return leave


@retry_on_conflict
@transaction.atomic(durable=True)
def finish_leave(*, leave_uid: uuid.UUID, by: User, now: datetime) -> None:
    """Note that everything a leave asks for is done."""
    leave = _locked(leave_uid)
    if leave.state == LeaveState.CONFIRMED:
        leave.state = LeaveState.DONE
        leave.version += 1
        leave.save(update_fields=["state", "version"])
        record_event(Action.LEAVE_CHANGED, subject=leave, by=by, reason=leave.state)


def _call_off_now(
    absence: Absence, reason: str, by: User, now: datetime, is_emergency: bool
) -> Leave:
    lock_doctors([absence.doctor.pk])
    leave = _draft(absence, by, now, is_emergency=is_emergency)
    _confirm(leave, reason, by, now)
    return leave


def _draft(absence: Absence, by: User, now: datetime, *, is_emergency: bool = False) -> Leave:
    leave = Leave(**vars(absence), is_emergency=is_emergency, created_at=now, created_by=by)
    _require_possible(leave, now)
    leave.save(force_insert=True)
    record_event(Action.LEAVE_CHANGED, subject=leave, by=by, reason=leave.state)
    return leave


def _confirm(leave: Leave, reason: str, by: User, now: datetime) -> None:
    leave.state = LeaveState.CONFIRMED
    leave.confirmed_at = now
    leave.version += 1
    with conflict_as({"one_leave_at_a_time": LeaveOverlaps}):
        leave.save()
    record_event(Action.LEAVE_CHANGED, subject=leave, by=by, reason=reason)
    close_sale(leave, reason=reason, by=by, now=now)
    start_job(kind=LEAVE_KIND, by_uid=by.uid, ids={"leave": str(leave.uid)}, now=now)


def _locked(uid: uuid.UUID, also: int | None = None) -> Leave:
    """Read a leave under its doctor's lock, which is the leave's too. Raises: Missing."""
    doctors = {also, *Leave.objects.filter(uid=uid).values_list("doctor_id", flat=True)} - {None}
    lock_doctors(pk for pk in doctors if pk)
    leave = Leave.objects.select_related("doctor__department__clinic").filter(uid=uid).first()
    if leave is None:
        raise Missing()
    return leave


def _locked_draft(uid: uuid.UUID, version: int, also: int | None = None) -> Leave:
    leave = _locked(uid, also)
    _require_draft(leave, version)
    return leave


def _require_draft(leave: Leave, version: int) -> None:
    if leave.state != LeaveState.DRAFT:
        raise LeaveStands(state=leave.get_state_display())
    if leave.version != version:
        raise LeaveChanged()


def _require_possible(leave: Leave, now: datetime) -> None:
    """Refuse a period that cannot be, or in which the doctor is away already."""
    if not is_possible(leave.starts_at, leave.ends_at, now):
        raise LeaveImpossible()
    standing = Leave.objects.standing().filter(
        doctor=leave.doctor_id, starts_at__lt=leave.ends_at, ends_at__gt=leave.starts_at
    )
    if found := standing.first():
        raise LeaveOverlaps(starts_at=found.starts_at, ends_at=found.ends_at, zone=leave.time_zone)
