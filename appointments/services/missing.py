"""What happens when somebody does not come, and when that was a mistake?"""

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from appointments.choices import AppointmentState
from appointments.errors import CalledOff, NobodyAwaited, StillExpected, WrongState
from appointments.models import Appointment, AppointmentQuerySet
from appointments.rules import visits as rules
from appointments.selectors.terms import agreed_price
from appointments.services.booking import REFUSALS, invoice_subject
from appointments.services.insuring import insure_again
from appointments.services.visits import lock_appointment, require_repairable
from billing.choices import InvoiceState
from billing.services.invoices import locked_invoices, void
from billing.services.repricing import reprice
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, conflict_as, lock, retry_on_conflict
from medbook.outbox import services as outbox
from members.models import Patient, User
from scheduling.choices import ScheduleState, SlotState
from scheduling.errors import SlotTaken
from scheduling.models import Leave, Slot
from scheduling.services.slots import block_slots, take_slots


def note_missed_visits(*, now: datetime) -> int:
    """Note everybody who has not come to a session that is over; tell how many.

    Each is a transaction of its own; one that somebody works on is left for the next sweep.
    """
    due = _awaited().filter(
        ends_at__lte=now - rules.NO_SHOW_GRACE,
        slot__schedule__ends_at__lte=now - rules.NO_SHOW_GRACE,
    )
    due = due.exclude(slot__schedule__state=ScheduleState.CALLED_OFF).exclude(_away())
    return sum(_note_missed(pk, now) for pk in due.order_by("ends_at").values_list("pk", flat=True))


@retry_on_conflict
@transaction.atomic(durable=True)
def mark_no_show(*, appointment_uid: uuid.UUID, by: User, now: datetime) -> Appointment:
    """Note by hand that somebody has not come, from 15 minutes after the start on.

    Raises: StillExpected, CalledOff where the clinic is the cause, WrongState, Missing.
    """
    appointment = lock_appointment(appointment_uid)
    if appointment.state != AppointmentState.BOOKED:
        raise WrongState(state=appointment.get_state_display())
    if not rules.may_be_noted_missed(appointment.starts_at, now):
        until = appointment.starts_at + rules.NO_SHOW_GRACE
        raise StillExpected(until=until, zone=appointment.time_zone)
    if is_clinics_cause(appointment):
        raise CalledOff()
    _miss(appointment, by, now)
    return appointment


@retry_on_conflict
@transaction.atomic(durable=True)
def undo_no_show(
    *, appointment_uid: uuid.UUID, has_come: bool, by: User, now: datetime
) -> Appointment:
    """Put right on the same day that somebody was noted as not come: arrived, or awaited again.

    The place and the invoice are as they were before; the missed visit no longer counts.
    Raises: RepairOver, CalledOff, NobodyAwaited after the session, SlotTaken, PatientBusy,
    AlreadyBookedDoctorDay, AlreadyBookedDepartmentDay, WrongState, Missing.
    """
    # What the insurer bears is counted anew under the patient's lock.
    lock(Patient.objects.filter(appointments__uid=appointment_uid), Rung.PATIENT).first()
    appointment = lock_appointment(appointment_uid)
    if appointment.state != AppointmentState.NO_SHOW:
        raise WrongState(state=appointment.get_state_display())
    require_repairable(appointment, now)
    if is_clinics_cause(appointment):
        raise CalledOff()
    if not has_come and rules.is_missed(appointment.slot.schedule.ends_at, now):
        raise NobodyAwaited()
    if appointment.slot.state != SlotState.BLOCKED:
        raise SlotTaken()
    appointment.move_to(AppointmentState.ARRIVED if has_come else AppointmentState.BOOKED)
    appointment.arrived_at = now if has_come else None
    appointment.no_show_at = None
    with conflict_as(REFUSALS):
        appointment.save(update_fields=["state", "arrived_at", "no_show_at"])
    take_slots([appointment.slot])
    _ask_again(appointment, by, now)
    record_event(Action.APPOINTMENT_REPAIRED, subject=appointment, by=by, reason="no_show_undone")
    if has_come:
        record_event(Action.APPOINTMENT_ARRIVED, subject=appointment, by=by)
    outbox.add(
        "appointment.no_show_undone",
        key=f"{appointment.uid}:{now.isoformat()}",
        appointment_uid=appointment.uid,
    )
    return appointment


def is_clinics_cause(appointment: Appointment) -> bool:
    """Tell whether the clinic itself was not there: a called-off session, a leave."""
    is_off = appointment.slot.schedule.state == ScheduleState.CALLED_OFF
    return is_off or Appointment.objects.filter(_away(), pk=appointment.pk).exists()


def _awaited() -> AppointmentQuerySet:
    return Appointment.objects.filter(state=AppointmentState.BOOKED)


def _away() -> Exists:
    """Ask whether the doctor of an appointment is on leave at its time."""
    leaves = Leave.objects.standing().filter(
        doctor=OuterRef("doctor"),
        starts_at__lt=OuterRef("ends_at"),
        ends_at__gt=OuterRef("starts_at"),
    )
    return Exists(leaves)


@retry_on_conflict
@transaction.atomic(durable=True)
def _note_missed(appointment_id: int, now: datetime) -> int:
    places = Slot.objects.filter(appointments=appointment_id)
    place = lock(places, Rung.SLOT, skip_locked=True).first()
    if place is None:
        return 0
    rows = _awaited().filter(pk=appointment_id, slot=place).select_related("slot__schedule")
    appointment = lock(rows, Rung.APPOINTMENT, skip_locked=True).first()
    if appointment is None or is_clinics_cause(appointment):
        return 0
    _miss(appointment, None, now)
    return 1


def _miss(appointment: Appointment, by: User | None, now: datetime) -> None:
    """Use the place up, keep what was paid, give up what was not."""
    appointment.move_to(AppointmentState.NO_SHOW)
    appointment.no_show_at = now
    appointment.save(update_fields=["state", "no_show_at"])
    block_slots([appointment.slot])
    for invoice in locked_invoices(invoice_subject(appointment)):
        if invoice.state == InvoiceState.OPEN:
            void(invoice, by, now)
    record_event(Action.APPOINTMENT_MISSED, subject=appointment, by=by)
    outbox.add(
        "appointment.no_show",
        key=f"{appointment.uid}:{now.isoformat()}",
        appointment_uid=appointment.uid,
    )


def _ask_again(appointment: Appointment, by: User, now: datetime) -> None:
    """Ask for what of the agreed price nobody has paid."""
    cover = insure_again(appointment)
    reprice(
        member=appointment.member,
        subject=invoice_subject(appointment),
        purpose="appointment",
        quote=agreed_price(appointment),
        part=appointment.sequence,
        by=by,
        now=now,
        cover=cover,
    )
