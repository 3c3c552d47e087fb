"""Who may hold a place, and who may not?"""

from datetime import timedelta

import pytest

from appointments.choices import AppointmentState, EndReason
from appointments.errors import (
    AlreadyBookedDepartmentDay,
    AlreadyBookedDoctorDay,
    CalledOff,
    CoolingDown,
    IdentityIncomplete,
    InThePast,
    MemberSuspended,
    NotOpenYet,
    NotYourPatient,
    PatientBusy,
    SaleOver,
    TooManyOpen,
)
from appointments.models import Appointment
from appointments.services.holds import expire_lapsed_holds
from medbook import clock
from medbook.audit.models import OperationLog
from medbook.errors import Missing
from medbook.idempotency.services import IdempotencyKeyReused
from members.models import Suspension
from scheduling.choices import ScheduleState, SlotState
from scheduling.errors import SlotTaken, SoldOut
from tests.appointments.booking import book, hold
from tests.factories import (
    DepartmentFactory,
    DoctorFactory,
    FamilyLinkFactory,
    PatientFactory,
    PrivilegeFactory,
    TierFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


def test_holds_the_first_place_for_15_minutes():
    alice, schedule, now = member_with_patient(), schedule_with_slots(3), clock.now()

    appointment = hold(alice, schedule, now=now)

    assert appointment.slot.number == 1
    assert appointment.state == AppointmentState.HELD
    assert appointment.hold_expires_at == now + timedelta(minutes=15)
    assert schedule.slots.get(number=1).state == SlotState.TAKEN


def test_holds_the_place_at_the_chosen_start():
    alice, schedule = member_with_patient(), schedule_with_slots(3)
    wanted = schedule.slots.get(number=3)

    assert hold(alice, schedule, starts_at=wanted.starts_at).slot == wanted


def test_records_who_held_what():
    alice, schedule = member_with_patient(), schedule_with_slots(1)

    appointment = hold(alice, schedule)

    entry = OperationLog.objects.get(action="appointment.held")
    assert (entry.actor_uid, entry.subject_uid) == (alice.user.uid, appointment.uid)


def test_copies_price_tier_and_deadline_of_the_moment():
    gold = TierFactory(code="gold")
    PrivilegeFactory(tier=gold, key="discount_rate", value="0.85")
    alice, schedule = member_with_patient(tier=gold), schedule_with_slots(1)

    appointment = hold(alice, schedule)

    assert (appointment.fee, appointment.discount, appointment.price) == (180, 27, 153)
    assert appointment.tier == gold
    assert appointment.cancel_until == appointment.starts_at - timedelta(hours=24)


def test_the_same_request_twice_holds_one_place():
    alice, schedule = member_with_patient(), schedule_with_slots(3)

    first, again = hold(alice, schedule, key="k"), hold(alice, schedule, key="k")

    assert first == again
    assert Appointment.objects.count() == 1


def test_refuses_a_key_that_came_with_another_request():
    alice, schedule = member_with_patient(), schedule_with_slots(3)
    hold(alice, schedule, key="k")

    with pytest.raises(IdempotencyKeyReused):
        hold(alice, schedule, key="k", starts_at=schedule.slots.get(number=2).starts_at)


def test_a_new_hold_replaces_the_unconfirmed_one():
    alice, schedule = member_with_patient(), schedule_with_slots(3)
    first = hold(alice, schedule, key="1")

    second = hold(alice, schedule, key="2", starts_at=schedule.slots.get(number=2).starts_at)

    first.refresh_from_db()
    assert (first.state, first.end_reason) == (AppointmentState.EXPIRED, EndReason.REPLACED)
    assert first.slot.state == SlotState.FREE
    assert second.state == AppointmentState.HELD


def test_a_refused_new_hold_leaves_the_old_one():
    alice, full, open_one = member_with_patient(), schedule_with_slots(1), schedule_with_slots(1)
    hold(member_with_patient(), full)
    first = hold(alice, open_one, key="1")

    with pytest.raises(SoldOut):
        hold(alice, full, key="2")

    first.refresh_from_db()
    assert first.state == AppointmentState.HELD


def test_refuses_a_start_that_is_taken_while_others_are_free():
    schedule = schedule_with_slots(2)
    start = hold(member_with_patient(), schedule).starts_at

    with pytest.raises(SlotTaken):
        hold(member_with_patient(), schedule, starts_at=start)


def test_refuses_when_sold_out():
    schedule = schedule_with_slots(1)
    hold(member_with_patient(), schedule)

    with pytest.raises(SoldOut):
        hold(member_with_patient(), schedule)


def test_gives_out_a_lapsed_hold_even_when_no_worker_sweeps():
    schedule, now = schedule_with_slots(1), clock.now()
    lapsed = hold(member_with_patient(), schedule, now=now - timedelta(minutes=16))

    appointment = hold(member_with_patient(), schedule, now=now)

    lapsed.refresh_from_db()
    assert appointment.slot == lapsed.slot
    assert (lapsed.state, lapsed.end_reason) == (AppointmentState.EXPIRED, EndReason.LAPSED)


def test_a_lapsed_hold_ended_when_it_ran_out_and_not_when_it_was_swept():
    now = clock.now()
    held = hold(member_with_patient(), schedule_with_slots(1), now=now - timedelta(minutes=60))

    expire_lapsed_holds(now=now)

    held.refresh_from_db()
    assert held.ended_at == now - timedelta(minutes=45)


def test_a_lapsed_hold_of_the_other_parent_is_in_nobodys_way():
    child, now = PatientFactory(), clock.now()
    mother, father = (FamilyLinkFactory(patient=child, relation="child").member for _ in "mf")
    hold(mother, schedule_with_slots(9), now=now - timedelta(minutes=16))

    assert hold(father, schedule_with_slots(9), now=now)


@pytest.mark.parametrize("before", [timedelta(0), timedelta(seconds=1)])
def test_opens_at_the_release_and_not_a_second_before(before):
    now = clock.now()
    schedule = schedule_with_slots(1, release_at=now)
    alice = member_with_patient()

    if before:
        with pytest.raises(NotOpenYet) as refusal:
            hold(alice, schedule, now=now - before)
        assert refusal.value.facts["opens_at"] == now
    else:
        assert hold(alice, schedule, now=now)


def test_opens_earlier_for_a_tier_with_early_access():
    now, gold = clock.now(), TierFactory(code="gold")
    PrivilegeFactory(tier=gold, key="early_access_minutes", value="15")
    schedule = schedule_with_slots(2, release_at=now + timedelta(minutes=15))

    assert hold(member_with_patient(tier=gold), schedule, now=now)
    with pytest.raises(NotOpenYet):
        hold(member_with_patient(), schedule, now=now)


def test_sells_until_the_sale_stops_and_again_on_the_day():
    schedule = schedule_with_slots(3)
    stop, same_day = schedule.sale_stops_at, schedule.same_day_from

    assert hold(member_with_patient(), schedule, now=stop - timedelta(seconds=1))
    with pytest.raises(SaleOver):
        hold(member_with_patient(), schedule, now=stop)
    assert hold(member_with_patient(), schedule, now=same_day)


def test_sells_nothing_that_has_begun():
    schedule = schedule_with_slots(2)
    first, second = schedule.slots.order_by("number")

    with pytest.raises(InThePast):
        hold(member_with_patient(), schedule, starts_at=first.starts_at, now=first.starts_at)
    assert hold(member_with_patient(), schedule, now=first.starts_at).slot == second


def test_refuses_a_schedule_that_was_called_off():
    schedule = schedule_with_slots(1, state=ScheduleState.CALLED_OFF)

    with pytest.raises(CalledOff):
        hold(member_with_patient(), schedule)


def test_hides_a_draft():
    with pytest.raises(Missing):
        hold(member_with_patient(), schedule_with_slots(1, state=ScheduleState.DRAFT))


def test_refuses_a_suspended_member_and_says_until_when():
    alice, now = member_with_patient(), clock.now()
    Suspension.objects.create(
        member=alice, starts_at=now, ends_at=now + timedelta(days=30), reason="no-shows"
    )

    with pytest.raises(MemberSuspended) as refusal:
        hold(alice, schedule_with_slots(1))

    assert refusal.value.facts["until"] == now + timedelta(days=30)


def test_refuses_a_patient_of_somebody_else():
    with pytest.raises(NotYourPatient):
        hold(member_with_patient(), schedule_with_slots(1), patient=PatientFactory())


def test_refuses_a_patient_without_identity():
    nameless = PatientFactory(identity_number=None, identity_kind="")
    alice = FamilyLinkFactory(patient=nameless).member

    with pytest.raises(IdentityIncomplete):
        hold(alice, schedule_with_slots(1))


def test_refuses_two_visits_at_one_time_whoever_books():
    bo = PatientFactory()
    mother = FamilyLinkFactory(patient=bo, relation="child").member
    father = FamilyLinkFactory(patient=bo, relation="child").member
    book(mother, schedule_with_slots(1))

    with pytest.raises(PatientBusy):
        book(father, schedule_with_slots(1))


def test_refuses_a_second_visit_to_a_doctor_on_a_day():
    alice, dr_chen = member_with_patient(), DoctorFactory()
    morning = schedule_with_slots(2, doctor=dr_chen)
    book(alice, morning, key="1")

    with pytest.raises(AlreadyBookedDoctorDay):
        book(alice, morning, key="2", starts_at=morning.slots.get(number=2).starts_at)


def test_refuses_a_second_visit_to_a_department_that_sees_patients_once_a_day():
    alice, once_a_day = member_with_patient(), DepartmentFactory(one_visit_a_day=True)
    first = schedule_with_slots(2, doctor=DoctorFactory(department=once_a_day))
    other = schedule_with_slots(2, doctor=DoctorFactory(department=once_a_day))
    book(alice, first, key="1")

    with pytest.raises(AlreadyBookedDepartmentDay):
        book(alice, other, key="2", starts_at=other.slots.get(number=2).starts_at)


def test_limits_a_patient_to_two_visits_a_day():
    alice, schedules = member_with_patient(), [schedule_with_slots(3) for _ in range(3)]
    for number in (1, 2):
        start = schedules[number].slots.get(number=number).starts_at
        book(alice, schedules[number], key=f"{number}", starts_at=start)

    with pytest.raises(TooManyOpen) as refusal:
        book(alice, schedules[0], key="3", starts_at=schedules[0].slots.get(number=3).starts_at)

    assert refusal.value.facts["limit"] == 2


def test_limits_a_member_by_tier():
    alice = member_with_patient()
    PrivilegeFactory(tier=alice.tier, key="open_bookings_limit", value="1")
    child = FamilyLinkFactory(member=alice, relation="child").patient
    own = alice.links.get(relation="self").patient
    book(alice, schedule_with_slots(1), key="1", patient=own)

    with pytest.raises(TooManyOpen) as refusal:
        book(alice, schedule_with_slots(1), key="2", patient=child)

    assert refusal.value.facts["limit"] == 1


def test_cools_down_after_three_lapsed_holds_in_a_day():
    alice, schedule, now = member_with_patient(), schedule_with_slots(1), clock.now()
    for minutes in (60, 40, 20):
        held_at = now - timedelta(minutes=minutes)
        hold(alice, schedule, key=f"{minutes}", now=held_at)
        expire_lapsed_holds(now=held_at + timedelta(minutes=15))

    with pytest.raises(CoolingDown) as refusal:
        hold(alice, schedule, key="again", now=now)

    assert refusal.value.facts["until"] == now + timedelta(minutes=25)


def test_leaves_nothing_behind_when_the_last_write_fails(settings):
    alice, schedule = member_with_patient(), schedule_with_slots(1)
    settings.OUTBOX_HANDLERS = {}  # the message is the last write, and its topic is unknown

    with pytest.raises(KeyError):
        hold(alice, schedule)

    assert not Appointment.objects.exists()
    assert schedule.slots.get().state == SlotState.FREE
