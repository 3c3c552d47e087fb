"""What happens to places and visits when a doctor does not sit?"""

import uuid
from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import transaction

from appointments.choices import AppointmentState, EndReason
from appointments.models import Appointment
from appointments.selectors.leave import places_to_clear
from appointments.services.booking import invoice_subject
from appointments.services.offers import withdraw_offers_on
from billing.choices import RefundReason
from billing.services.refunds import give_up_invoice
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, retry_on_conflict
from medbook.outbox import services as outbox
from members.models import User
from scheduling.choices import ScheduleState
from scheduling.models import Leave, Schedule, Slot
from scheduling.services.slots import block_slots, lock_slots

BATCH = 20  # visits that are called off in one transaction


@retry_on_conflict
@transaction.atomic(durable=True)
def call_off_schedules(
    *, schedule_uids: Collection[uuid.UUID], reason: str, by: User, now: datetime
) -> int:
    """Take schedules off the sale for good and call their appointments off; tell how many.

    A consultation that has begun goes on; who was noted as not come missed nothing after all.
    Calling off twice changes nothing.
    """
    found = Schedule.objects.filter(uid__in=schedule_uids).order_by("id")
    live = _live(lock(found, Rung.SCHEDULE))
    # Every place first: who is booking one finishes before this reads the appointments.
    slots = lock_slots(Slot.objects.filter(schedule__in=live).values_list("id", flat=True))
    _close_sessions(live, reason, by)
    return _clear(slots, by, now)


def close_sale(leave: Leave, *, reason: str, by: User, now: datetime) -> None:
    """Let nobody book into a leave whose doctor is locked; visits that are booked stay for later.

    Whole sessions are called off; of others, only places that overlap are blocked for good.
    """
    touched = Schedule.objects.filter(
        doctor=leave.doctor_id, starts_at__lt=leave.ends_at, ends_at__gt=leave.starts_at
    ).exclude(state=ScheduleState.DRAFT)
    sessions = _live(lock(touched.order_by("id"), Rung.SCHEDULE))
    slots = lock_slots(places_to_clear(leave).values_list("id", flat=True))
    whole = [
        session
        for session in sessions
        if leave.starts_at <= session.starts_at and session.ends_at <= leave.ends_at
    ]
    _close_sessions(whole, reason, by)
    agreed = Appointment.objects.to_call_off().exclude(state=AppointmentState.HELD)
    booked = set(agreed.filter(slot__in=slots).values_list("slot_id", flat=True))
    _clear([slot for slot in slots if slot.id not in booked], by, now)


@retry_on_conflict
@transaction.atomic(durable=True)
def call_off_next(*, leave: Leave, by: User, now: datetime) -> int:
    """Call off the next visits of a standing leave and block their places; tell how many places."""
    due = places_to_clear(leave).order_by("starts_at", "id")
    slots = lock_slots(due.values_list("id", flat=True)[:BATCH])
    _clear(slots, by, now)
    return len(slots)


def _live(schedules: Iterable[Schedule]) -> list[Schedule]:
    return [schedule for schedule in schedules if schedule.state != ScheduleState.CALLED_OFF]


def _close_sessions(schedules: list[Schedule], reason: str, by: User) -> None:
    for schedule in schedules:
        schedule.state = ScheduleState.CALLED_OFF
        schedule.version += 1
        schedule.save(update_fields=["state", "version"])
        record_event(Action.SCHEDULE_CALLED_OFF, subject=schedule, by=by, reason=reason)
        outbox.add("schedule.called_off", key=schedule.uid, schedule_uid=schedule.uid)


def _clear(slots: list[Slot], by: User, now: datetime) -> int:
    """Block locked places for good, and end what was offered, held or booked there; tell how many.

    A consultation that has begun keeps its place.
    """
    withdraw_offers_on(slots, by=by, now=now)
    there = Appointment.objects.filter(slot__in=slots).order_by("starts_at", "id")
    ending = list(lock(there.to_call_off(), Rung.APPOINTMENT))
    for visit in ending:
        _call_off(visit, by, now)
    begun = there.filter(state=AppointmentState.IN_CONSULTATION)
    staying = set(begun.values_list("slot_id", flat=True))
    block_slots([slot for slot in slots if slot.id not in staying])
    return len(ending)


def _call_off(appointment: Appointment, by: User, now: datetime) -> None:
    was_missed = appointment.state == AppointmentState.NO_SHOW
    appointment.move_to(AppointmentState.CALLED_OFF)
    appointment.end_reason = EndReason.CLINIC
    appointment.ended_at = now
    appointment.no_show_at = None
    appointment.save(
        update_fields=["state", "hold_expires_at", "end_reason", "ended_at", "no_show_at"]
    )
    give_up_invoice(
        subject=invoice_subject(appointment),
        percent=100,
        reason=RefundReason.CALLED_OFF,
        by=by,
        now=now,
    )
    record_event(Action.APPOINTMENT_CALLED_OFF, subject=appointment, by=by)
    outbox.add("appointment.called_off", key=appointment.uid, appointment_uid=appointment.uid)
    if was_missed:
        outbox.add(
            "appointment.no_show_undone",
            key=f"{appointment.uid}:{now.isoformat()}",
            appointment_uid=appointment.uid,
        )
