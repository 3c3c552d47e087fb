"""How does an appointment end before the visit?"""

import uuid
from datetime import datetime

from django.db import transaction

from appointments.choices import AppointmentState, CancelCause, EndReason
from appointments.errors import AlreadyCancelled, TooLateToCancel
from appointments.models import Appointment
from appointments.rules import policies
from appointments.services.access import lock_with_place, require_may_act
from appointments.services.booking import invoice_subject
from appointments.services.returning import return_places
from billing.choices import RefundReason
from billing.services.refunds import give_up_invoice
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import retry_on_conflict
from medbook.outbox import services as outbox
from members.models import User
from members.selectors.tiers import privilege


@retry_on_conflict
@transaction.atomic(durable=True)
def cancel_appointment(
    *, appointment_uid: uuid.UUID, by: User, now: datetime, cause: CancelCause | None = None
) -> Appointment:
    """Cancel before the visit, give the place back, and ask for the money to be given back.

    Staff are not bound to the deadline, and for them all money goes back.
    Raises: TooLateToCancel, AlreadyCancelled, WrongState, Missing.
    """
    found = Appointment.objects.select_related("member__tier", "slot").filter(uid=appointment_uid)
    known = found.first()
    if known is None:
        raise Missing()
    require_may_act(known, by)
    appointment, slot = lock_with_place(found)
    if appointment.state == AppointmentState.CANCELLED:
        raise AlreadyCancelled()
    is_own = appointment.member.user_id == by.pk
    was_held = appointment.state == AppointmentState.HELD
    if is_own and appointment.state == AppointmentState.BOOKED:
        require_in_time(appointment, now)
    appointment.move_to(AppointmentState.CANCELLED)
    appointment.end_reason = EndReason.MEMBER if is_own else EndReason.DESK
    appointment.cancel_cause = cause or ""
    appointment.ended_at = now
    appointment.save(
        update_fields=["state", "hold_expires_at", "end_reason", "cancel_cause", "ended_at"]
    )
    return_places([slot], now)
    give_up_invoice(
        subject=invoice_subject(appointment),
        percent=policies.ALL if was_held else refund_percent(appointment, by, now),
        reason=RefundReason.CANCELLED,
        by=by,
        now=now,
    )
    record_event(
        Action.APPOINTMENT_CANCELLED, subject=appointment, by=by, reason=appointment.end_reason
    )
    outbox.add("appointment.cancelled", key=appointment.uid, appointment_uid=appointment.uid)
    return appointment


def refund_percent(appointment: Appointment, by: User, now: datetime) -> int:
    """Tell which share of what was paid comes back when this user cancels now."""
    return policies.refund_percent(
        is_own=appointment.member.user_id == by.pk,
        now=now,
        cancel_until=appointment.cancel_until,
        late_refund_percent=appointment.late_refund_percent,
    )


def require_in_time(appointment: Appointment, now: datetime) -> None:
    """Refuse a member who cancels or moves a visit too late. Raises: TooLateToCancel."""
    late = privilege(appointment.member, "can_cancel_late", now)
    if not policies.may_cancel(now, appointment.cancel_until, appointment.starts_at, late):
        raise TooLateToCancel(deadline=appointment.cancel_until, zone=appointment.time_zone)
