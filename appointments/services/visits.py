"""What happens on the day of the visit?"""

import uuid
from datetime import datetime

from django.db import transaction

from appointments.choices import AppointmentState
from appointments.errors import CalledOff, OutsideCheckInWindow, PaymentDue, RepairOver, WrongState
from appointments.models import Appointment
from appointments.rules import booking as rules
from appointments.rules.visits import may_repair
from appointments.services.access import lock_with_place
from appointments.services.booking import invoice_subject
from billing.selectors import is_extra_due
from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import NotAllowed
from medbook.locks import retry_on_conflict
from medbook.outbox import services as outbox
from members.models import User
from scheduling.services.leaves import is_sat
from scheduling.services.slots import block_slots


@retry_on_conflict
@transaction.atomic(durable=True)
def check_in(*, appointment_uid: uuid.UUID, by: User, now: datetime) -> Appointment:
    """Note that the patient has come.

    Raises: OutsideCheckInWindow, PaymentDue, WrongState, Missing.
    """
    appointment = lock_appointment(appointment_uid)
    _require_state(appointment, AppointmentState.BOOKED)  # repairs lead to arrived as well
    if not rules.may_check_in(
        appointment.service_date, clock.local_date(now, appointment.time_zone)
    ):
        raise OutsideCheckInWindow()
    if is_extra_due(invoice_subject(appointment)):
        raise PaymentDue()
    appointment.arrived_at = now
    return _move(appointment, AppointmentState.ARRIVED, Action.APPOINTMENT_ARRIVED, by)


@retry_on_conflict
@transaction.atomic(durable=True)
def start_visit(*, appointment_uid: uuid.UUID, by: User, now: datetime) -> Appointment:
    """Note that the consultation has begun. Raises: NotAllowed, WrongState, Missing."""
    appointment = lock_appointment(appointment_uid)
    _require_conducts(appointment, by)
    appointment.started_at = now
    return _move(appointment, AppointmentState.IN_CONSULTATION, Action.APPOINTMENT_STARTED, by)


@retry_on_conflict
@transaction.atomic(durable=True)
def finish_visit(*, appointment_uid: uuid.UUID, by: User, now: datetime) -> Appointment:
    """Note that the consultation is over; its place is used up.

    Raises: NotAllowed, WrongState, Missing.
    """
    appointment = lock_appointment(appointment_uid)
    _require_conducts(appointment, by)
    appointment.completed_at = now
    block_slots([appointment.slot])
    outbox.add("appointment.completed", key=appointment.uid, appointment_uid=appointment.uid)
    return _move(appointment, AppointmentState.COMPLETED, Action.APPOINTMENT_COMPLETED, by)


@retry_on_conflict
@transaction.atomic(durable=True)
def undo_check_in(*, appointment_uid: uuid.UUID, by: User, now: datetime) -> Appointment:
    """Correct a check-in of somebody who is not there: arrived → booked, on the same day.

    Raises: RepairOver, WrongState, Missing.
    """
    appointment = lock_appointment(appointment_uid)
    _require_state(appointment, AppointmentState.ARRIVED)
    require_repairable(appointment, now)
    appointment.arrived_at = None
    return _move(appointment, AppointmentState.BOOKED, Action.APPOINTMENT_REPAIRED, by)


@retry_on_conflict
@transaction.atomic(durable=True)
def undo_start(*, appointment_uid: uuid.UUID, by: User, now: datetime) -> Appointment:
    """Correct a consultation begun by mistake: in consultation → arrived, on the same day.

    Not where the session was called off since: nobody may wait for it again.
    Raises: RepairOver, CalledOff, NotAllowed, WrongState, Missing.
    """
    appointment = lock_appointment(appointment_uid)
    _require_state(appointment, AppointmentState.IN_CONSULTATION)
    _require_conducts(appointment, by)
    require_repairable(appointment, now)
    if not is_sat(appointment.slot):
        raise CalledOff()
    appointment.started_at = None
    return _move(appointment, AppointmentState.ARRIVED, Action.APPOINTMENT_REPAIRED, by)


def require_repairable(appointment: Appointment, now: datetime) -> None:
    """Refuse to correct a state after the clinic's day of the visit."""
    if not may_repair(appointment.service_date, clock.local_date(now, appointment.time_zone)):
        raise RepairOver()


def _require_state(appointment: Appointment, state: AppointmentState) -> None:
    """Refuse a move from any other state."""
    if appointment.state != state:
        raise WrongState(state=appointment.get_state_display())


def _require_conducts(appointment: Appointment, by: User) -> None:
    """Refuse everybody but the doctor whose visit it is."""
    if appointment.doctor.user_id != by.pk and not by.is_superuser:
        raise NotAllowed()


def lock_appointment(uid: uuid.UUID) -> Appointment:
    """Lock an appointment, and its place before it. Raises: Missing."""
    details = ("slot__schedule", "doctor", "department__clinic")
    appointment, _slot = lock_with_place(
        Appointment.objects.select_related(*details).filter(uid=uid)
    )
    return appointment


def _move(
    appointment: Appointment, state: AppointmentState, action: Action, by: User
) -> Appointment:
    appointment.move_to(state)
    appointment.save(
        update_fields=["state", "hold_expires_at", "arrived_at", "started_at", "completed_at"]
    )
    record_event(action, subject=appointment, by=by)
    return appointment
