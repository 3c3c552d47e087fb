"""How does a member get a place?"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction

from appointments.choices import AppointmentState, Source, WayToPay
from appointments.errors import (
    AlreadyBookedDepartmentDay,
    AlreadyBookedDoctorDay,
    CalledOff,
    HoldExpired,
    PatientBusy,
    PayAtDeskNotAllowed,
    TooManyOpen,
    TooManyPoints,
    WrongState,
)
from appointments.models import Appointment
from appointments.rules import booking as rules
from appointments.services.access import require_may_act
from appointments.services.agreeing import priced, put_on_place, put_price
from appointments.services.holds import end_old_holds, expire_lapsed_of
from appointments.services.insuring import insurable, insured, require_own_policy
from appointments.services.limits import (
    require_may_book,
    require_not_cooling_down,
    require_on_sale,
    require_within_limits,
)
from billing.errors import UnknownGateway
from billing.gateways.registry import enabled
from billing.models import InsurancePolicy
from billing.rules.prices import Quote
from billing.services.invoices import raise_invoice
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import DomainError, Missing
from medbook.idempotency.services import once
from medbook.locks import Rung, conflict_as, lock, retry_on_conflict
from medbook.outbox import services as outbox
from members.models import Member, Patient, User
from members.rules.points import most_to_spend
from members.selectors.tiers import privilege
from members.services.booking_rights import lock_booker
from members.services.points import spend_points
from scheduling.choices import ScheduleState
from scheduling.errors import SlotTaken, SoldOut
from scheduling.models import Schedule, Slot
from scheduling.rules.sessions import Booker
from scheduling.services.slots import claim_slot, lock_slots

# Holding and booking are one request, with and without a way to pay: they share their keys.
ENDPOINT = "book"
# Behind the checks stand constraints; what a check cannot see in time, these turn into refusals.
REFUSALS: dict[str, Callable[[], DomainError]] = {
    "one_live_appointment_per_slot": SlotTaken,
    "one_patient_one_place_at_a_time": PatientBusy,
    "one_visit_per_patient_doctor_and_day": AlreadyBookedDoctorDay,
    "one_visit_per_patient_department_and_day": AlreadyBookedDepartmentDay,
    "one_unconfirmed_hold_per_member": partial(TooManyOpen, limit=1),
}


@dataclass(frozen=True)
class Placed:
    """An appointment, and whether the same request had made it before."""

    appointment: Appointment
    is_replay: bool


@dataclass(frozen=True)
class Wish:
    """What a booker asks for: a schedule, and perhaps one start or one place of it."""

    member: Member
    patient: Patient
    schedule_uid: uuid.UUID
    starts_at: datetime | None
    slot_uid: uuid.UUID | None


@retry_on_conflict
@transaction.atomic(durable=True)
def hold_slot(
    *,
    member: Member,
    patient: Patient,
    schedule_uid: uuid.UUID,
    starts_at: datetime | None = None,
    slot_uid: uuid.UUID | None = None,
    idempotency_key: str,
    by: User,
    now: datetime,
) -> Placed:
    """Hold one place of a schedule for a patient until it is confirmed.

    Order of checks: docs/flows/booking.md.
    Raises: MemberSuspended, NotYourPatient, ConsentMissing, IdentityIncomplete, PatientSuspended,
    CalledOff, InThePast, NotOpenYet, SaleOver, CoolingDown, TooManyOpen, PatientBusy,
    AlreadyBookedDoctorDay, AlreadyBookedDepartmentDay, SlotTaken, SoldOut, TryLater, InProgress,
    IdempotencyKeyReused.
    """
    wish = Wish(member, patient, schedule_uid, starts_at, slot_uid)
    with once(by, ENDPOINT, idempotency_key, _said(wish)) as attempt:
        if attempt.earlier_uid:
            return Placed(Appointment.objects.get(uid=attempt.earlier_uid), is_replay=True)
        appointment = _hold(wish, by, now)
        attempt.remember(appointment)
        return Placed(appointment, is_replay=False)


@retry_on_conflict
@transaction.atomic(durable=True)
def book_slot(
    *,
    member: Member,
    patient: Patient,
    schedule_uid: uuid.UUID,
    starts_at: datetime | None = None,
    slot_uid: uuid.UUID | None = None,
    way_to_pay: str,
    reason: str = "",
    points: int = 0,
    policy: InsurancePolicy | None = None,
    idempotency_key: str,
    by: User,
    now: datetime,
) -> Placed:
    """Hold and confirm in one transaction.

    Raises: what hold_slot and confirm_appointment raise.
    """
    wish = Wish(member, patient, schedule_uid, starts_at, slot_uid)
    said = {**_said(wish), "way_to_pay": way_to_pay, "reason": reason, "points": points}
    if policy:
        said["policy"] = policy.uid
    with once(by, ENDPOINT, idempotency_key, said) as attempt:
        if attempt.earlier_uid:
            return Placed(Appointment.objects.get(uid=attempt.earlier_uid), is_replay=True)
        appointment = _hold(wish, by, now)
        _confirm(appointment, way_to_pay, reason, points, policy, by, now)
        attempt.remember(appointment)
        return Placed(appointment, is_replay=False)


@retry_on_conflict
@transaction.atomic(durable=True)
def confirm_appointment(
    *,
    appointment_uid: uuid.UUID,
    way_to_pay: str,
    by: User,
    now: datetime,
    patient: Patient | None = None,
    reason: str = "",
    points: int = 0,
    policy: InsurancePolicy | None = None,
) -> Appointment:
    """Agree on a held place: set patient and way to pay, price it, raise the invoice.

    It is booked at once, or stays held until it is paid online.

    Points that the booker wants to use pay a part of the fee after the tier's discount; of what is
    left, the insurer of the policy bears its share.

    Confirming twice changes nothing.
    Raises: HoldExpired, WrongState, PayAtDeskNotAllowed, TooManyPoints, NotEnoughPoints,
    PolicyNotValid, VisitNotCovered, UnknownGateway, NotYourPatient, ConsentMissing,
    IdentityIncomplete, PatientSuspended, MemberSuspended, TooManyOpen, PatientBusy,
    AlreadyBookedDoctorDay, AlreadyBookedDepartmentDay, Missing.
    """
    found = Appointment.objects.select_related("member", "patient").filter(uid=appointment_uid)
    known = found.first()
    if known is None:
        raise Missing()
    require_may_act(known, by)
    member, patient = lock_booker(known.member, patient or known.patient)
    lock_slots([known.slot_id])
    appointment = lock(found, Rung.APPOINTMENT).get()
    if appointment.state == AppointmentState.BOOKED or (
        appointment.awaits_payment and not appointment.is_lapsed(now)
    ):
        return appointment
    if appointment.state == AppointmentState.EXPIRED:
        raise HoldExpired(expired_at=appointment.ended_at, zone=appointment.time_zone)
    if appointment.state != AppointmentState.HELD:
        raise WrongState(state=appointment.get_state_display())
    if appointment.is_lapsed(now):
        raise HoldExpired(expired_at=appointment.hold_expires_at, zone=appointment.time_zone)
    require_may_book(member=member, patient=patient, now=now)
    if patient.pk != appointment.patient_id:
        require_within_limits(
            member=None, patient=patient, service_date=appointment.service_date, now=now
        )
        appointment.patient = patient
    appointment.member = member
    _confirm(appointment, way_to_pay, reason, points, policy, by, now)
    return appointment


def _hold(wish: Wish, by: User, now: datetime) -> Appointment:
    schedule = bookable_schedule(wish.schedule_uid)
    member, patient = lock_booker(wish.member, wish.patient)
    require_may_book(member=member, patient=patient, now=now)
    require_on_sale(schedule=schedule, member=member, starts_at=wish.starts_at, now=now)
    require_not_cooling_down(member=member, now=now)
    end_old_holds(member=member, patient=patient, now=now)
    require_within_limits(
        member=member, patient=patient, service_date=schedule.service_date, now=now
    )
    booker = Booker(rank=member.tier.rank)
    slot = claim(schedule, wish.starts_at, wish.slot_uid, booker, now)
    appointment = new_hold(member, patient, schedule, slot, now)
    with conflict_as(REFUSALS):
        appointment.save(force_insert=True)
    record_event(Action.APPOINTMENT_HELD, subject=appointment, by=by, patient=patient)
    outbox.add("appointment.held", key=appointment.uid, appointment_uid=appointment.uid)
    return appointment


def _confirm(
    appointment: Appointment,
    way_to_pay: str,
    reason: str,
    points: int,
    policy: InsurancePolicy | None,
    by: User,
    now: datetime,
) -> None:
    if way_to_pay == WayToPay.DESK and not privilege(appointment.member, "pay_at_desk", now):
        raise PayAtDeskNotAllowed()
    if way_to_pay == WayToPay.ONLINE and not enabled():
        raise UnknownGateway()
    if policy:
        require_own_policy(policy, appointment)
    agree(appointment, way_to_pay, reason, points, by, now, policy)


def agree(
    appointment: Appointment,
    way_to_pay: str,
    reason: str,
    points: int,
    by: User,
    now: datetime,
    policy: InsurancePolicy | None = None,
) -> None:
    """Agree on today's price of a hold and ask for it, in the caller's transaction.

    What is to be paid online stays held until it is paid; everything else is booked at once.
    Raises: TooManyPoints, NotEnoughPoints, PolicyNotValid, VisitNotCovered, and what the
    constraints refuse.
    """
    member = appointment.member
    price = insurable(priced(appointment.fee, appointment.currency, member, now), policy)
    price, cover = insured(_paid_with_points(price, points), appointment, policy)
    appointment.way_to_pay = way_to_pay
    appointment.reason = reason or None
    put_price(appointment, price, member)
    waits_until = appointment.hold_expires_at if way_to_pay == WayToPay.ONLINE else None
    if price.total and waits_until:
        with conflict_as(REFUSALS):
            appointment.save()
        record_event(Action.APPOINTMENT_HELD, subject=appointment, by=by, reason="until it is paid")
    else:
        waits_until = None
        book(appointment, by, now)
    spend_points(
        member=member, points=points, reference=invoice_subject(appointment), by=by, now=now
    )
    raise_invoice(
        member=member,
        subject=invoice_subject(appointment),
        purpose="appointment",
        quote=price,
        by=by,
        now=now,
        payable_until=waits_until,
        cover=cover,
    )


def book(appointment: Appointment, by: User | None, now: datetime) -> None:
    """Make an agreed appointment a booked one, in the caller's transaction.

    Raises: what the constraints refuse.
    """
    appointment.move_to(AppointmentState.BOOKED)
    appointment.confirmed_at = now
    with conflict_as(REFUSALS):
        appointment.save()
    record_event(Action.APPOINTMENT_BOOKED, subject=appointment, by=by, patient=appointment.patient)
    outbox.add("appointment.booked", key=appointment.uid, appointment_uid=appointment.uid)


def invoice_subject(appointment: Appointment) -> str:
    """Name an appointment as billing and the members' points know it."""
    return appointment.subject


def _said(wish: Wish) -> dict[str, object]:
    return {
        "patient": wish.patient.uid,
        "schedule": wish.schedule_uid,
        "starts_at": wish.starts_at and wish.starts_at.timestamp(),
        "slot": wish.slot_uid,
    }


def bookable_schedule(uid: uuid.UUID) -> Schedule:
    """Find what members can see. Raises: Missing."""
    rows = Schedule.objects.select_related("department__clinic", "doctor")
    schedule = rows.exclude(state=ScheduleState.DRAFT).filter(uid=uid).first()
    if schedule is None:
        raise Missing()
    return schedule


def claim(
    schedule: Schedule,
    starts_at: datetime | None,
    slot_uid: uuid.UUID | None,
    booker: Booker,
    now: datetime,
) -> Slot:
    """Claim the wished place; lapsed holds give way first.

    Raises: SlotTaken, SoldOut, TryLater, CalledOff.
    """
    once_more = partial(
        claim_slot,
        schedule=schedule,
        starts_at=starts_at,
        slot_uid=slot_uid,
        booker=booker,
        now=now,
    )
    try:
        return once_more()
    except (SlotTaken, SoldOut):
        if expire_lapsed_of(schedule, now):
            return once_more()
        if Schedule.objects.filter(pk=schedule.pk, state=ScheduleState.CALLED_OFF).exists():
            raise CalledOff() from None
        raise


def _paid_with_points(price: Quote, points: int) -> Quote:
    """Let points pay their part of a price. Raises: TooManyPoints."""
    most = most_to_spend(price.discounted, points)
    if points > most:
        raise TooManyPoints(most=most)
    return price.with_points(points)


def new_hold(
    member: Member,
    patient: Patient,
    schedule: Schedule,
    slot: Slot,
    now: datetime,
    source: Source = Source.SELF,
) -> Appointment:
    """Make the hold of a claimed place, on today's terms; the caller saves it."""
    appointment = Appointment(
        member=member,
        patient=patient,
        state=AppointmentState.HELD,
        source=source,
        created_at=now,
        hold_expires_at=rules.hold_expires_at(slot.starts_at, now),
    )
    put_on_place(appointment, schedule, slot)
    put_price(appointment, priced(schedule.fee, schedule.currency, member, now), member)
    return appointment
