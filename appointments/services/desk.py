"""How does the front desk book for somebody who calls or stands there?"""

import uuid
from datetime import datetime

from django.db import transaction

from appointments.choices import AppointmentState, Source, WayToPay
from appointments.errors import (
    CalledOff,
    ConsentMissing,
    InThePast,
    NotOpenYet,
    NotYourPatient,
    OutsideCheckInWindow,
    SaleOver,
)
from appointments.models import Appointment
from appointments.rules.booking import may_check_in
from appointments.rules.desk import DeskSale, desk_sale, extra_place
from appointments.services.booking import (
    REFUSALS,
    Placed,
    agree,
    bookable_schedule,
    claim,
    new_hold,
)
from appointments.services.holds import expire_lapsed_of_patient
from appointments.services.insuring import require_own_policy
from appointments.services.limits import require_within_limits
from billing.models import InsurancePolicy
from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.idempotency.services import once
from medbook.locks import Rung, conflict_as, lock, retry_on_conflict
from medbook.outbox import services as outbox
from members.choices import ConsentPurpose
from members.models import Member, Patient, User
from members.selectors.people import patient_links
from members.services.booking_rights import lock_booker
from members.services.consents import require_consent
from scheduling.choices import ScheduleState
from scheduling.errors import SlotTaken, SoldOut
from scheduling.models import Schedule, Slot
from scheduling.rules.sessions import DESK_RANK, Booker
from scheduling.services.extra_places import add_extra_place

ENDPOINT = "book_for_member"
WALK_IN = "take_walk_in"


@retry_on_conflict
@transaction.atomic(durable=True)
def book_for_member(
    *,
    member: Member,
    patient: Patient,
    schedule_uid: uuid.UUID,
    starts_at: datetime | None = None,
    slot_uid: uuid.UUID | None = None,
    reason: str = "",
    policy: InsurancePolicy | None = None,
    idempotency_key: str,
    by: User,
    now: datetime,
) -> Placed:
    """Book a place for a member who calls, to be paid at the clinic.

    Which checks hold for the desk: docs/flows/desk.md.
    Raises: NotYourPatient, ConsentMissing, CalledOff, InThePast, NotOpenYet, SaleOver,
    TooManyOpen, PatientBusy, AlreadyBookedDoctorDay, AlreadyBookedDepartmentDay, SlotTaken,
    SoldOut, PolicyNotValid, VisitNotCovered, TryLater, InProgress, IdempotencyKeyReused, Missing.
    """
    said = {
        "member": member.uid,
        "patient": patient.uid,
        "schedule": schedule_uid,
        "starts_at": starts_at and starts_at.timestamp(),
        "slot": slot_uid,
        "reason": reason,
    }
    if policy:
        said["policy"] = policy.uid

    with once(by, ENDPOINT, idempotency_key, said) as attempt:
        if attempt.earlier_uid:
            return Placed(Appointment.objects.get(uid=attempt.earlier_uid), is_replay=True)
        schedule = bookable_schedule(schedule_uid)
        member, patient = lock_booker(member, patient)
        sale = _require_sold_by_desk(schedule, starts_at, now)
        _require_may_be_booked(member, patient, schedule, now)
        booker = Booker(rank=member.tier.rank, is_desk=True)
        if sale == DeskSale.KEPT:
            slot_uid, starts_at = _kept_place(schedule, starts_at, slot_uid, booker, now), None
        slot = claim(schedule, starts_at, slot_uid, booker, now)
        appointment = _put_down(
            member, patient, schedule, slot, Source.DESK, reason, by, now, policy
        )
        attempt.remember(appointment)
        return Placed(appointment, is_replay=False)


@retry_on_conflict
@transaction.atomic(durable=True)
def take_walk_in(
    *,
    member: Member,
    patient: Patient,
    schedule_uid: uuid.UUID,
    may_add_place: bool,
    idempotency_key: str,
    by: User,
    now: datetime,
) -> Placed:
    """Take in somebody who came without an appointment: booked, and there at once.

    A place of the desk's share first, then any free one; where none is left, one more where
    `may_add_place`.
    Raises: OutsideCheckInWindow on another day, and what book_for_member raises.
    """
    said = {"member": member.uid, "patient": patient.uid, "schedule": schedule_uid}

    with once(by, WALK_IN, idempotency_key, said) as attempt:
        if attempt.earlier_uid:
            return Placed(Appointment.objects.get(uid=attempt.earlier_uid), is_replay=True)
        member, patient = lock_booker(member, patient)
        session = _locked_session(bookable_schedule(schedule_uid), now)
        _require_may_be_booked(member, patient, session, now)
        booker = Booker(rank=member.tier.rank, is_desk=True)
        slot = _any_place(session, booker, may_add_place, by, now)
        appointment = _put_down(member, patient, session, slot, Source.WALK_IN, "", by, now)
        appointment.move_to(AppointmentState.ARRIVED)
        appointment.arrived_at = now
        appointment.save(update_fields=["state", "arrived_at"])
        record_event(Action.APPOINTMENT_ARRIVED, subject=appointment, by=by)
        attempt.remember(appointment)
        return Placed(appointment, is_replay=False)


def _require_may_be_booked(
    member: Member, patient: Patient, schedule: Schedule, now: datetime
) -> None:
    """Ask what holds at the desk too: an open account, the link and its consent, the member's
    consent to the use of health data, the limits. Neither a document nor the end of a pause is
    asked for.
    """
    link = patient_links(member).filter(patient=patient).first()
    if link is None or not member.user.is_active or member.erased_at is not None:
        raise NotYourPatient()
    if not link.lets_book(now):
        raise ConsentMissing()
    require_consent(member, ConsentPurpose.SENSITIVE_DATA)
    expire_lapsed_of_patient(patient, now)
    require_within_limits(
        member=member, patient=patient, service_date=schedule.service_date, now=now
    )


def _put_down(
    member: Member,
    patient: Patient,
    schedule: Schedule,
    slot: Slot,
    source: Source,
    reason: str,
    by: User,
    now: datetime,
    policy: InsurancePolicy | None = None,
) -> Appointment:
    """Write the appointment of a claimed place, agreed at once."""
    appointment = new_hold(member, patient, schedule, slot, now, source)
    with conflict_as(REFUSALS):
        appointment.save(force_insert=True)
    record_event(Action.APPOINTMENT_HELD, subject=appointment, by=by, patient=patient)
    outbox.add("appointment.held", key=appointment.uid, appointment_uid=appointment.uid)
    if policy:
        require_own_policy(policy, appointment)
    agree(appointment, WayToPay.DESK, reason, 0, by, now, policy)
    return appointment


def _locked_session(schedule: Schedule, now: datetime) -> Schedule:
    """Lock today's session before its places: one place more is a change of it.

    Raises: CalledOff, SaleOver, OutsideCheckInWindow.
    """
    rows = Schedule.objects.select_related("department__clinic", "doctor", "visit_type")
    session = lock(rows.filter(pk=schedule.pk), Rung.SCHEDULE).get()
    _require_sold_by_desk(session, None, now)
    if not may_check_in(session.service_date, clock.local_date(now, session.time_zone)):
        raise OutsideCheckInWindow()
    return session


def _require_sold_by_desk(
    schedule: Schedule, starts_at: datetime | None, now: datetime
) -> DeskSale:
    """Refuse what the desk cannot sell; tell what it can."""
    if schedule.state == ScheduleState.CALLED_OFF:
        raise CalledOff()
    sale = desk_sale(release_at=schedule.release_at, ends_at=schedule.ends_at, now=now)
    if sale == DeskSale.NOTHING or schedule.state != ScheduleState.PUBLISHED:
        raise SaleOver()
    if starts_at is not None and starts_at <= now:
        raise InThePast()
    return sale


def _kept_place(
    schedule: Schedule,
    starts_at: datetime | None,
    slot_uid: uuid.UUID | None,
    booker: Booker,
    now: datetime,
) -> uuid.UUID:
    """Choose one of the places kept for the desk, before the release. Raises: NotOpenYet."""
    kept = Slot.objects.claimable(schedule, starts_at, booker, now).filter(
        reserved_rank=DESK_RANK, reserved_until__gt=now
    )
    if slot_uid:
        kept = kept.filter(uid=slot_uid)
    found = kept.order_by("number").values_list("uid", flat=True).first()
    if found is None:
        raise NotOpenYet(opens_at=schedule.release_at, zone=schedule.time_zone)
    return found


def _any_place(
    schedule: Schedule, booker: Booker, may_add_place: bool, by: User, now: datetime
) -> Slot:
    """Claim the desk's own place first, then any, then a new one."""
    kept = Slot.objects.claimable(schedule, None, booker, now).filter(
        reserved_rank=DESK_RANK, reserved_until__gt=now
    )
    own = kept.order_by("starts_at", "number").values_list("uid", flat=True).first()
    for wanted in dict.fromkeys((own, None)):
        try:
            return claim(schedule, None, wanted, booker, now)
        except (SlotTaken, SoldOut):
            if wanted is None and not may_add_place:
                raise
    starts_at, ends_at = extra_place(
        starts_at=schedule.starts_at,
        ends_at=schedule.ends_at,
        length=schedule.visit_type.length,
        now=now,
    )
    return add_extra_place(schedule, starts_at=starts_at, ends_at=ends_at, by=by)
