"""How does a booked visit move to another time?"""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from appointments.choices import AppointmentState
from appointments.errors import (
    CalledOff,
    InThePast,
    NotOpenYet,
    OtherDepartment,
    PatientBusy,
    RescheduleLimit,
    SaleOver,
    TooManyPoints,
    WrongState,
)
from appointments.models import Appointment
from appointments.rules import policies
from appointments.rules.desk import DeskSale, desk_sale
from appointments.services.access import lock_with_place, require_may_act
from appointments.services.agreeing import priced, put_on_place, put_price
from appointments.services.booking import (
    REFUSALS,
    Placed,
    bookable_schedule,
    claim,
    invoice_subject,
)
from appointments.services.cancelling import require_in_time
from appointments.services.insuring import insurable, insured, policy_of
from appointments.services.limits import require_may_book, require_on_sale, require_room_that_day
from appointments.services.returning import return_places
from billing.rules.prices import Quote
from billing.services.claims import Cover
from billing.services.repricing import reprice
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.idempotency.services import once
from medbook.locks import conflict_as, retry_on_conflict
from medbook.outbox import services as outbox
from members.models import Member, User
from members.rules.points import most_to_spend, worth
from members.selectors.tiers import privilege
from members.services.booking_rights import lock_booker
from scheduling.choices import ScheduleState
from scheduling.models import Schedule, Slot
from scheduling.rules.sessions import Booker

ENDPOINT = "reschedule"


@dataclass(frozen=True)
class Target:
    """Where a visit is to go: a schedule, and perhaps one start or one place of it."""

    schedule_uid: uuid.UUID
    starts_at: datetime | None
    slot_uid: uuid.UUID | None


@retry_on_conflict
@transaction.atomic(durable=True)
def reschedule_appointment(
    *,
    appointment_uid: uuid.UUID,
    schedule_uid: uuid.UUID,
    starts_at: datetime | None = None,
    slot_uid: uuid.UUID | None = None,
    idempotency_key: str,
    by: User,
    now: datetime,
) -> Placed:
    """Move a booked visit to another place of its department; the old one is kept until then.

    Reference, payment, points and calendar entry stay; the price is today's of the new place.
    Staff are bound neither to the deadline nor to the sale nor to the number of changes.
    Order of checks and of locks: docs/flows/rescheduling.md.
    Raises: Missing, WrongState, TooLateToCancel, RescheduleLimit, OtherDepartment, MemberSuspended,
    NotYourPatient, ConsentMissing, IdentityIncomplete, PatientSuspended, CalledOff, InThePast,
    NotOpenYet, SaleOver, TooManyOpen, PatientBusy, AlreadyBookedDoctorDay,
    AlreadyBookedDepartmentDay, TooManyPoints, PolicyNotValid, VisitNotCovered, SlotTaken, SoldOut,
    TryLater, InProgress, IdempotencyKeyReused.
    """
    target = Target(schedule_uid, starts_at, slot_uid)
    with once(by, ENDPOINT, idempotency_key, _said(appointment_uid, target)) as attempt:
        if attempt.earlier_uid:
            return Placed(Appointment.objects.get(uid=attempt.earlier_uid), is_replay=True)
        appointment = _reschedule(appointment_uid, target, by, now)
        attempt.remember(appointment)
        return Placed(appointment, is_replay=False)


def _reschedule(uid: uuid.UUID, target: Target, by: User, now: datetime) -> Appointment:
    found = Appointment.objects.select_related("department__clinic").filter(uid=uid)
    known = found.select_related("member__user", "patient").first()
    if known is None:
        raise Missing()
    require_may_act(known, by)
    schedule = bookable_schedule(target.schedule_uid)
    member, patient = lock_booker(known.member, known.patient)
    # The old place is waited for; the new one is claimed without waiting. See the page.
    appointment, old_slot = lock_with_place(found)
    appointment.member, appointment.patient = member, patient
    is_own = member.user_id == by.pk
    _require_may_go(appointment, schedule, target, is_own=is_own, now=now)
    price, cover = price_of_moving(appointment, schedule, member, now)
    booker = Booker(rank=member.tier.rank, is_desk=not is_own)
    slot = claim(schedule, target.starts_at, target.slot_uid, booker, now)
    before = appointment.starts_at
    if slot.schedule_id == old_slot.schedule_id and slot.starts_at == before:
        raise PatientBusy()
    _put(appointment, schedule, slot, price, is_own=is_own, now=now)
    return_places([old_slot], now)
    reprice(
        member=member,
        subject=invoice_subject(appointment),
        purpose="appointment",
        quote=price,
        part=appointment.sequence,
        by=by,
        now=now,
        cover=cover,
    )
    _tell(appointment, before, by)
    return appointment


def _require_may_go(
    appointment: Appointment, schedule: Schedule, target: Target, *, is_own: bool, now: datetime
) -> None:
    if appointment.state != AppointmentState.BOOKED:
        raise WrongState(state=appointment.get_state_display())
    if is_own:
        _require_target(appointment, schedule, target, now)
    else:
        _require_to_come(schedule, target, now)
    if schedule.department_id != appointment.department_id:
        raise OtherDepartment()
    require_room_that_day(
        patient=appointment.patient,
        service_date=schedule.service_date,
        besides=appointment,
        now=now,
    )


def _put(
    appointment: Appointment,
    schedule: Schedule,
    slot: Slot,
    price: Quote,
    *,
    is_own: bool,
    now: datetime,
) -> None:
    """Write the visit onto its new place; a late change keeps the deadline that it had."""
    deadline = appointment.cancel_until
    put_on_place(appointment, schedule, slot)
    if is_own:
        appointment.cancel_until = policies.cancel_until_once_moved(
            deadline, appointment.cancel_until, now
        )
    put_price(appointment, price, appointment.member)
    appointment.sequence += 1
    appointment.reschedules += is_own
    with conflict_as(REFUSALS):
        appointment.save()


def price_of_moving(
    appointment: Appointment, schedule: Schedule, member: Member, now: datetime
) -> tuple[Quote, Cover | None]:
    """Price a visit for another place: today's price for the tier, less the points as agreed.

    Who is insured stays so, at the share of the new price.
    Raises: TooManyPoints where the points are worth more than the whole of it, PolicyNotValid,
    VisitNotCovered.
    """
    policy = policy_of(appointment)
    price = insurable(priced(schedule.fee, schedule.currency, member, now), policy)
    points = appointment.points
    if worth(points) > price.discounted:
        raise TooManyPoints(most=most_to_spend(price.discounted, points))
    price = replace(price, points=points, total=price.discounted - worth(points))
    return insured(price, appointment, policy, schedule)


def require_may_move(appointment: Appointment, now: datetime) -> None:
    """Refuse a member who wants to move a visit too late or too often.

    Raises: WrongState, TooLateToCancel, RescheduleLimit.
    """
    if appointment.state != AppointmentState.BOOKED:
        raise WrongState(state=appointment.get_state_display())
    require_in_time(appointment, now)
    if not moves_left(appointment, now):
        limit = privilege(appointment.member, "free_reschedules", now)
        raise RescheduleLimit(limit=limit)


def moves_left(appointment: Appointment, now: datetime) -> int:
    """Tell how often a member may still move a visit."""
    limit: int = privilege(appointment.member, "free_reschedules", now)
    return max(limit - appointment.reschedules, 0)


def _require_target(
    appointment: Appointment, schedule: Schedule, target: Target, now: datetime
) -> None:
    """Refuse what a member may not do, in the order in which it is explained."""
    require_may_move(appointment, now)
    require_may_book(member=appointment.member, patient=appointment.patient, now=now)
    require_on_sale(
        schedule=schedule, member=appointment.member, starts_at=target.starts_at, now=now
    )


def _require_to_come(schedule: Schedule, target: Target, now: datetime) -> None:
    """Refuse the desk what cannot be: a session that does not sit, is over, or not released."""
    if schedule.state == ScheduleState.CALLED_OFF:
        raise CalledOff()
    if target.starts_at is not None and target.starts_at <= now:
        raise InThePast()
    sale = desk_sale(release_at=schedule.release_at, ends_at=schedule.ends_at, now=now)
    if schedule.state != ScheduleState.PUBLISHED or sale == DeskSale.NOTHING:
        raise SaleOver()
    if sale == DeskSale.KEPT:
        raise NotOpenYet(opens_at=schedule.release_at, zone=schedule.time_zone)


def _tell(appointment: Appointment, before: datetime, by: User) -> None:
    record_event(
        Action.APPOINTMENT_RESCHEDULED,
        subject=appointment,
        by=by,
        patient=appointment.patient,
        facts={"from": before.isoformat(), "to": appointment.starts_at.isoformat()},
    )
    outbox.add(
        "appointment.rescheduled",
        key=f"{appointment.uid}:{appointment.sequence}",
        appointment_uid=appointment.uid,
        before=before.isoformat(),
    )


def _said(appointment_uid: uuid.UUID, target: Target) -> dict[str, object]:
    return {
        "appointment": appointment_uid,
        "schedule": target.schedule_uid,
        "starts_at": target.starts_at and target.starts_at.timestamp(),
        "slot": target.slot_uid,
    }
