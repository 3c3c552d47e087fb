"""How does an appointment end before the visit?"""

import uuid
from datetime import datetime

from django.db import transaction

from appointments.choices import AppointmentState, EndReason
from appointments.errors import AlreadyCancelled, TooLateToCancel
from appointments.models import Appointment
from appointments.rules import booking as rules
from appointments.services.access import require_may_act
from appointments.services.booking import invoice_subject
from appointments.services.returning import return_places
from billing.choices import RefundReason
from billing.services.refunds import give_up_invoice
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import Rung, lock, retry_on_conflict
from medbook.outbox import services as outbox
from members.models import User
from members.selectors.tiers import privilege
from scheduling.services.slots import lock_slots


@retry_on_conflict
@transaction.atomic(durable=True)
def cancel_appointment(*, appointment_uid: uuid.UUID, by: User, now: datetime) -> Appointment:
    """Cancel before the visit and give the place back. Staff are not bound to the deadline.

    Raises: TooLateToCancel, AlreadyCancelled, WrongState, Missing.
    """
    found = Appointment.objects.select_related("member__tier", "slot").filter(uid=appointment_uid)
    known = found.first()
    if known is None:
        raise Missing()
    require_may_act(known, by)
    [slot] = lock_slots([known.slot_id])
    appointment = lock(found, Rung.APPOINTMENT).get()
    if appointment.state == AppointmentState.CANCELLED:
        raise AlreadyCancelled()
    is_own = appointment.member.user_id == by.pk
    if is_own and appointment.state == AppointmentState.BOOKED:
        _require_in_time(appointment, now)
    appointment.move_to(AppointmentState.CANCELLED)
    appointment.end_reason = EndReason.MEMBER if is_own else EndReason.DESK
    appointment.ended_at = now
    appointment.save(update_fields=["state", "hold_expires_at", "end_reason", "ended_at"])
    return_places([slot], now)
    give_up_invoice(
        subject=invoice_subject(appointment),
        percent=100,
        reason=RefundReason.CANCELLED,
        by=by,
        now=now,
    )
    record_event(
        Action.APPOINTMENT_CANCELLED, subject=appointment, by=by, reason=appointment.end_reason
    )
    outbox.add("appointment.cancelled", key=appointment.uid, appointment_uid=appointment.uid)
    return appointment


def _require_in_time(appointment: Appointment, now: datetime) -> None:
    can_cancel_late = privilege(appointment.member, "can_cancel_late", now)
    if not rules.may_cancel(now, appointment.cancel_until, appointment.starts_at, can_cancel_late):
        raise TooLateToCancel(deadline=appointment.cancel_until, zone=appointment.time_zone)
