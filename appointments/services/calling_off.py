"""What happens when a doctor does not sit?"""

import uuid
from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from appointments.choices import AppointmentState, EndReason
from appointments.models import Appointment
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
from scheduling.models import Schedule, Slot
from scheduling.services.slots import block_slots, lock_slots


@retry_on_conflict
@transaction.atomic(durable=True)
def call_off_schedules(
    *, schedule_uids: Collection[uuid.UUID], reason: str, by: User, now: datetime
) -> int:
    """Take schedules off the sale for good and call their appointments off; tell how many.

    A consultation that has begun goes on. Calling off twice changes nothing.
    """
    schedules = Schedule.objects.filter(uid__in=schedule_uids).order_by("id")
    live = [
        schedule
        for schedule in lock(schedules, Rung.SCHEDULE)
        if schedule.state != ScheduleState.CALLED_OFF
    ]
    # Every place first: who is booking one finishes before this reads the appointments.
    slots = lock_slots(Slot.objects.filter(schedule__in=live).values_list("id", flat=True))
    withdraw_offers_on(slots, by=by, now=now)
    appointments = list(
        lock(Appointment.objects.live().filter(slot__in=slots).order_by("id"), Rung.APPOINTMENT)
    )
    staying = {
        appointment.slot_id
        for appointment in appointments
        if appointment.state == AppointmentState.IN_CONSULTATION
    }
    ending = [appointment for appointment in appointments if appointment.slot_id not in staying]
    for appointment in ending:
        _call_off(appointment, by, now)
    block_slots([slot for slot in slots if slot.id not in staying])
    for schedule in live:
        schedule.state = ScheduleState.CALLED_OFF
        schedule.version += 1
        schedule.save(update_fields=["state", "version"])
        record_event(Action.SCHEDULE_CALLED_OFF, subject=schedule, by=by, reason=reason)
    return len(ending)


def _call_off(appointment: Appointment, by: User, now: datetime) -> None:
    appointment.move_to(AppointmentState.CALLED_OFF)
    appointment.end_reason = EndReason.CLINIC
    appointment.ended_at = now
    appointment.save(update_fields=["state", "hold_expires_at", "end_reason", "ended_at"])
    give_up_invoice(
        subject=invoice_subject(appointment),
        percent=100,
        reason=RefundReason.CALLED_OFF,
        by=by,
        now=now,
    )
    record_event(Action.APPOINTMENT_CALLED_OFF, subject=appointment, by=by)
    outbox.add("appointment.called_off", key=appointment.uid, appointment_uid=appointment.uid)
