"""Who may wait for what, and how does a wish change or end?"""

from datetime import datetime, timedelta

import pytest

from appointments.choices import Band, EntryState, HalfDay
from appointments.errors import (
    CalledOff,
    ConsentMissing,
    InThePast,
    MemberSuspended,
    NotOpenYet,
    NotYourPatient,
    PlacesFree,
    SaleOver,
    TooFarAhead,
    WaitlistDuplicate,
    WaitlistFull,
    WrongState,
)
from appointments.models import WaitlistEntry
from appointments.rules.waitlist import When
from appointments.selectors.waitlist import Target, ended_wishes, open_wishes, target_named
from appointments.services.waitlist import change_wish, join_waitlist, leave_waitlist
from medbook.audit.models import OperationLog
from medbook.errors import Missing
from members.models import Suspension
from scheduling.choices import SlotState
from tests.appointments.booking import book, call_off
from tests.appointments.waiting import cancel, decline, open_offer, wait_for
from tests.factories import (
    FamilyLinkFactory,
    PatientFactory,
    PrivilegeFactory,
    TierFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

NOON = datetime.fromisoformat("2026-12-01T12:00:00+08:00")
TODAY = NOON.date()


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def full():
    schedule = schedule_with_slots(1)
    book(member_with_patient(), schedule)
    return schedule


@pytest.fixture
def alice():
    return member_with_patient()


def days(first=0, last=14, *halves):
    return When(TODAY + timedelta(first), TODAY + timedelta(last), halves or tuple(HalfDay))


def join(member, schedule, *, when=None, patient=None, now=NOON):
    """Wait for a schedule, or for its doctor on some days."""
    target = Target(schedule.department, schedule.doctor, None if when else schedule)
    return join_waitlist(
        member=member,
        patient=patient or member.links.get().patient,
        target=target,
        when=when,
        by=member.user,
        now=now,
    ).wish


def test_waits_for_a_session_on_its_day(full, alice):
    wish = join(alice, full)

    assert (wish.first_day, wish.last_day) == (full.service_date, full.service_date)
    assert (wish.state, wish.weight, wish.joined_at) == (EntryState.WAITING, 1, NOON)
    assert OperationLog.objects.filter(action="waitlist.changed", subject_uid=wish.uid).exists()


def test_the_weight_is_that_of_the_tier_at_joining(full):
    gold = TierFactory(code="gold")
    PrivilegeFactory(tier=gold, key="waitlist_weight", value="5")

    assert join(member_with_patient(tier=gold), full).weight == 5


def suspended(alice, _full):
    Suspension.objects.create(
        member=alice, starts_at=NOON, ends_at=NOON + timedelta(days=1), reason="Missed visits"
    )


def without_consent(alice, _full):
    alice.links.update(consent="withdrawn", relation="spouse")


def called_off(_alice, full):
    call_off(full)


def not_released(_alice, full):
    full.release_at = NOON + timedelta(minutes=1)
    full.save()


def sale_over(_alice, full):
    full.sale_stops_at = NOON
    full.save()


def a_place_is_free(_alice, full):
    full.max_appointments = 2
    full.save()
    first = full.slots.get()
    full.slots.create(number=2, starts_at=first.ends_at, ends_at=first.ends_at + timedelta(0, 1200))


@pytest.mark.parametrize(
    ("hinder", "refusal"),
    [
        (suspended, MemberSuspended),
        (without_consent, ConsentMissing),
        (called_off, CalledOff),
        (not_released, NotOpenYet),
        (sale_over, SaleOver),
        (a_place_is_free, PlacesFree),
    ],
)
def test_refuses_to_wait_in_vain(full, alice, hinder, refusal):
    hinder(alice, full)

    with pytest.raises(refusal):
        join(alice, full)

    assert not WaitlistEntry.objects.exists()


def test_nobody_waits_for_somebody_elses_patient(full, alice):
    with pytest.raises(NotYourPatient):
        join(alice, full, patient=PatientFactory())


@pytest.mark.parametrize(
    ("when", "refusal"),
    [(days(-3, -1), InThePast), (days(0, 15), TooFarAhead), (days(0, 4000), TooFarAhead)],
)
def test_days_are_within_reach(full, alice, when, refusal):
    with pytest.raises(refusal):
        join(alice, full, when=when)


def test_waits_for_a_doctor_until_the_end_of_the_horizon(full, alice):
    assert join(alice, full, when=days(0, 14)).schedule is None


def test_a_free_place_at_another_time_of_day_is_in_nobodys_way(full, alice):
    schedule_with_slots(
        1,
        doctor=full.doctor,
        service_date=TODAY + timedelta(4),
    )

    assert join(alice, full, when=days(0, 14, HalfDay.AFTERNOON))
    with pytest.raises(PlacesFree):
        join(alice, full, when=days(0, 14, HalfDay.MORNING))


def test_a_free_place_that_the_patient_cannot_take_is_no_reason_to_refuse(full, alice):
    other = schedule_with_slots(1, doctor=full.doctor, service_date=TODAY + timedelta(4))
    elsewhere = schedule_with_slots(1, service_date=other.service_date)
    book(alice, elsewhere)

    assert join(alice, full, when=days(0, 14))


def test_a_patient_waits_for_three_things_at_most(alice):
    for _ in range(3):
        full = schedule_with_slots(1)
        book(member_with_patient(), full)
        join(alice, full)
    full = schedule_with_slots(1)
    book(member_with_patient(), full)

    with pytest.raises(WaitlistFull):
        join(alice, full)
    child = FamilyLinkFactory(member=alice, relation="child").patient
    assert join(alice, full, patient=child)


def test_a_patient_waits_once_for_the_same_whoever_joins(full, alice):
    child = FamilyLinkFactory(member=alice, relation="child").patient
    father = FamilyLinkFactory(patient=child, relation="child").member
    join(alice, full, patient=child)

    with pytest.raises(WaitlistDuplicate):
        join(father, full, patient=child)


def test_leaving_ends_the_wish_and_twice_changes_nothing(full, alice):
    wish = join(alice, full)

    for _ in range(2):
        left = leave_waitlist(entry_uid=wish.uid, by=alice.user, now=NOON)

    assert (left.state, left.ended_at) == (EntryState.LEFT, NOON)
    assert join(alice, full)


def test_leaving_passes_on_what_is_on_offer(alice):
    schedule = schedule_with_slots(1)
    appointment = book(member_with_patient(), schedule)
    wish = wait_for(schedule, alice)
    wait_for(schedule, bo := member_with_patient(), joined_at=NOON + timedelta(seconds=1))
    cancel(appointment)

    leave_waitlist(entry_uid=wish.uid, by=alice.user, now=NOON)

    assert open_offer(bo)
    decline(open_offer(bo))
    assert schedule.slots.get().state == SlotState.FREE


def test_changing_keeps_the_place_in_line(full, alice):
    wish = join(alice, full, when=days(0, 14))

    changed = change_wish(
        entry_uid=wish.uid,
        when=days(2, 5, HalfDay.MORNING),
        by=alice.user,
        now=NOON + timedelta(hours=1),
    )

    assert changed.joined_at == NOON
    assert (changed.first_day, changed.half_days) == (TODAY + timedelta(2), ["morning"])


def test_a_wish_for_a_session_has_nothing_to_change(full, alice):
    wish = join(alice, full)

    with pytest.raises(WrongState):
        change_wish(entry_uid=wish.uid, when=days(), by=alice.user, now=NOON)


@pytest.mark.parametrize("act", [change_wish, leave_waitlist])
def test_strangers_find_no_wish(full, alice, act):
    wish = join(alice, full)
    more = {"when": days()} if act is change_wish else {}

    with pytest.raises(Missing):
        act(entry_uid=wish.uid, by=member_with_patient().user, now=NOON, **more)


def test_the_position_is_told_as_a_band(full, alice):
    for number in range(5):
        wait_for(full, member_with_patient(), joined_at=NOON - timedelta(hours=number + 1))
    join(alice, full)

    [seen] = open_wishes(alice, NOON)

    assert seen.band == Band.NEAR
    assert seen.odds is None


def test_odds_are_told_when_enough_is_known(full, alice):
    join(alice, full, when=days())
    for number in range(20):
        wait_for(
            full,
            member_with_patient(),
            schedule=None,
            state=EntryState.FULFILLED if number < 5 else EntryState.LAPSED,
            ended_at=NOON - timedelta(days=1),
        )

    [seen] = open_wishes(alice, NOON)

    assert seen.odds == 25


def test_ended_wishes_are_kept_in_sight(full, alice):
    wish = join(alice, full)
    leave_waitlist(entry_uid=wish.uid, by=alice.user, now=NOON)

    assert open_wishes(alice, NOON) == []
    assert ended_wishes(alice) == [wish]


def test_a_target_is_one_thing_that_exists(full):
    uid, doctor = full.uid, full.doctor

    assert target_named(schedule=str(uid)).schedule == full
    assert target_named(doctor=doctor.slug) == target_named(doctor=doctor.uid)
    assert target_named(department=full.department.code).department == full.department
    assert target_named(schedule=uid, doctor=doctor.uid) is None
    assert target_named() is None
    assert target_named(schedule="no-uuid") is None
    assert target_named(doctor="nobody") is None
