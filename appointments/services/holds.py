"""What becomes of holds that nobody confirmed?"""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from appointments.choices import AppointmentState, EndReason, Source
from appointments.errors import HoldExpired, WrongState
from appointments.models import Appointment
from appointments.rules import booking as rules
from appointments.services.access import require_may_act
from appointments.services.returning import return_places
from billing.services.invoices import extend_time_to_pay, let_lapse
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import Rung, lock, retry_on_conflict
from medbook.outbox import services as outbox
from members.models import Member, Patient, User
from scheduling.models import Schedule, Slot
from scheduling.services.slots import lock_slots


def expire_lapsed_holds(*, now: datetime) -> int:
    """Give back the places of all holds that have run out; tell how many.

    Each is a transaction of its own; a place that somebody works on is left for the next sweep.
    """
    due = Appointment.objects.lapsed(now).order_by("hold_expires_at")
    return sum(
        _expire_lapsed_hold(slot_id, now) for slot_id in due.values_list("slot_id", flat=True)
    )


def expire_lapsed_of(schedule: Schedule, now: datetime) -> int:
    """Give back the lapsed holds of a schedule that looks full, inside the booker's transaction.

    So a hold ends in time even when no worker runs.
    """
    lapsed = Appointment.objects.lapsed(now).filter(slot__schedule=schedule)
    slot_ids = list(lapsed.values_list("slot_id", flat=True))
    return expire_holds_on(lock_without_waiting(slot_ids), EndReason.LAPSED, now)


def expire_lapsed_of_patient(patient: Patient, now: datetime) -> None:
    """Give back the lapsed holds of a locked patient, which still count for the limits."""
    lapsed = Appointment.objects.lapsed(now).filter(patient=patient)
    slot_ids = list(lapsed.values_list("slot_id", flat=True))
    expire_holds_on(lock_without_waiting(slot_ids), EndReason.LAPSED, now)


def end_old_holds(*, member: Member, patient: Patient, now: datetime) -> None:
    """End what gives way to a new hold.

    That is the hold that the member has not confirmed, because another time was chosen, and any
    hold for the patient that has run out unswept. One that waits to be paid stays.
    """
    unconfirmed = Q(member=member, source=Source.SELF, way_to_pay="")
    old = Appointment.objects.held().filter(
        unconfirmed | Q(patient=patient, hold_expires_at__lte=now)
    )
    for slot in lock_slots(old.values_list("slot_id", flat=True)):
        lapsed = Appointment.objects.lapsed(now).filter(slot=slot).exists()
        expire_holds_on([slot], EndReason.LAPSED if lapsed else EndReason.REPLACED, now)


def expire_holds_on(slots: Iterable[Slot], why: EndReason, now: datetime) -> int:
    """End the holds on places that are locked, and free the places."""
    freed = []
    held = lock(
        Appointment.objects.held().filter(slot__in=list(slots)).order_by("id"),
        Rung.APPOINTMENT,
        skip_locked=True,
    )
    for appointment in held.select_related("slot__schedule"):
        if why == EndReason.LAPSED and not appointment.is_lapsed(now):
            continue
        appointment.ended_at = appointment.hold_expires_at if why == EndReason.LAPSED else now
        appointment.end_reason = why
        appointment.move_to(AppointmentState.EXPIRED)
        appointment.save(update_fields=["state", "hold_expires_at", "end_reason", "ended_at"])
        record_event(Action.APPOINTMENT_EXPIRED, subject=appointment, reason=why)
        if appointment.way_to_pay:
            let_lapse(subject=appointment.subject, now=now)
        outbox.add("appointment.expired", key=appointment.uid, appointment_uid=appointment.uid)
        freed.append(appointment.slot)
    return_places(freed, now)
    return len(freed)


@retry_on_conflict
@transaction.atomic(durable=True)
def extend_hold(*, appointment_uid: uuid.UUID, by: User, now: datetime) -> Appointment:
    """Hold a place 5 minutes longer, once.

    Raises: HoldExpired, WrongState when it was extended before or is not held, Missing.
    """
    found = Appointment.objects.select_related("member").filter(uid=appointment_uid).first()
    if found is None:
        raise Missing()
    require_may_act(found, by)
    lock_slots([found.slot_id])
    appointment = lock(Appointment.objects.filter(pk=found.pk), Rung.APPOINTMENT).get()
    expires_at = appointment.hold_expires_at
    if expires_at is None or appointment.extended_at is not None:
        raise WrongState(state=appointment.get_state_display())
    if expires_at <= now:
        raise HoldExpired(expired_at=expires_at, zone=appointment.time_zone)
    extend(appointment, by, now)
    return appointment


def extend(appointment: Appointment, by: User | None, now: datetime) -> None:
    """Use the one extension of a locked hold, also for what is to be paid by then."""
    expires_at = appointment.hold_expires_at
    assert expires_at is not None  # noqa: S101 - a constraint says so of a hold
    until = rules.extended_until(expires_at, appointment.starts_at)
    appointment.hold_expires_at = until
    appointment.extended_at = now
    appointment.save(update_fields=["hold_expires_at", "extended_at"])
    record_event(Action.APPOINTMENT_HELD, subject=appointment, by=by, reason="extended")
    if appointment.way_to_pay:
        extend_time_to_pay(subject=appointment.subject, until=until)


@retry_on_conflict
@transaction.atomic(durable=True)
def _expire_lapsed_hold(slot_id: int, now: datetime) -> int:
    return expire_holds_on(lock_without_waiting([slot_id]), EndReason.LAPSED, now)


def lock_without_waiting(slot_ids: list[int]) -> list[Slot]:
    """Lock the places on which nobody else works just now."""
    rows = Slot.objects.filter(id__in=slot_ids).order_by("id")
    return list(lock(rows, Rung.SLOT, skip_locked=True))
