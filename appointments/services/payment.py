"""How does money that came in, or did not, change an appointment?"""

import uuid
from datetime import datetime

from django.db import transaction

from appointments.choices import AppointmentState, EndReason
from appointments.errors import WrongState
from appointments.models import Appointment, AppointmentQuerySet
from appointments.services.access import lock_with_place
from appointments.services.booking import book, invoice_subject
from appointments.services.holds import extend
from billing.choices import RefundReason
from billing.models import Payment
from billing.services.invoices import record_desk_payment
from billing.services.refunds import give_up_invoice
from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import DomainError, Missing
from medbook.locks import Rung, lock, retry_on_conflict
from medbook.outbox import services as outbox
from members.models import User
from scheduling.choices import ScheduleState, SlotState
from scheduling.models import Slot
from scheduling.services.slots import take_slots

PAYABLE = (
    AppointmentState.BOOKED,
    AppointmentState.ARRIVED,
    AppointmentState.IN_CONSULTATION,
    AppointmentState.COMPLETED,
)


@retry_on_conflict
@transaction.atomic(durable=True)
def take_desk_payment(
    *, appointment_uid: uuid.UUID, gateway: str, by: User, now: datetime, terminal: str = ""
) -> Payment:
    """Record cash or card taken at the desk for what is open of a visit, from the booking on.

    Raises: WrongState, AlreadyPaid, NothingToPay, Missing.
    """
    rows = Appointment.objects.filter(uid=appointment_uid)
    appointment = lock(rows, Rung.APPOINTMENT).first()
    if appointment is None:
        raise Missing()
    if appointment.state not in PAYABLE:
        raise WrongState(state=appointment.get_state_display())
    return record_desk_payment(
        subject=invoice_subject(appointment), gateway=gateway, by=by, now=now, terminal=terminal
    )


@retry_on_conflict
@transaction.atomic
def confirm_paid_hold(*, subject: str) -> None:
    """Book the hold that was just paid; one that had lapsed, where its place is still free.

    Else all of the money goes back, and the member is told. After the commit of the payment, and
    again until it is done: what is booked already stays as it is.
    """
    rows = _paid(subject)
    if rows is None:
        return
    appointment, slot = lock_with_place(rows)
    now = clock.now()
    if appointment.state == AppointmentState.HELD:
        book(appointment, None, now)
    elif appointment.state == AppointmentState.EXPIRED:
        try:
            _take_again(appointment, slot, now)
        except DomainError:
            _send_money_back(appointment, now)


@retry_on_conflict
@transaction.atomic
def keep_hold_after_failure(*, subject: str) -> None:
    """Hold a place its one time longer when a payment of it failed, so that another can be made."""
    rows = _paid(subject)
    if rows is None:
        return
    appointment, _slot = lock_with_place(rows)
    now = clock.now()
    if (
        appointment.awaits_payment
        and appointment.extended_at is None
        and not appointment.is_lapsed(now)
    ):
        extend(appointment, None, now)


def _paid(subject: str) -> AppointmentQuerySet | None:
    kind, _colon, uid = subject.partition(":")
    if kind != "appointment":
        return None
    rows = Appointment.objects.select_related("member__tier", "slot", "patient")
    return rows.filter(uid=uuid.UUID(uid))


def _take_again(appointment: Appointment, slot: Slot, now: datetime) -> None:
    """Book a lapsed hold that was paid after all. Raises: HoldExpired, and what else refuses."""
    schedule = slot.schedule
    is_free = slot.state == SlotState.FREE and now < slot.starts_at
    if not is_free or schedule.state != ScheduleState.PUBLISHED:
        raise WrongState(state=slot.get_state_display())
    with transaction.atomic():
        take_slots([slot])
        appointment.end_reason = ""
        appointment.ended_at = None
        book(appointment, None, now)


def _send_money_back(appointment: Appointment, now: datetime) -> None:
    subject = invoice_subject(appointment)
    give_up_invoice(subject=subject, percent=100, reason=RefundReason.LATE, by=None, now=now)
    record_event(Action.APPOINTMENT_EXPIRED, subject=appointment, reason=EndReason.LAPSED)
    outbox.add("invoice.given_up", key=f"{appointment.uid}:late", subject=subject)
    outbox.add("appointment.paid_too_late", key=appointment.uid, appointment_uid=appointment.uid)
