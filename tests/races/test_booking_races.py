"""When many want the same, does everybody get an answer and nobody a place twice?"""

from functools import partial

import pytest

from appointments.choices import AppointmentState
from appointments.models import Appointment
from appointments.services.booking import confirm_appointment
from appointments.services.calling_off import call_off_schedules
from appointments.services.cancelling import cancel_appointment
from appointments.services.holds import expire_lapsed_holds
from medbook import clock
from medbook.errors import DomainError
from scheduling.choices import SlotState
from tests.appointments.booking import book, hold
from tests.factories import (
    FamilyLinkFactory,
    PatientFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)


def members(count):
    return [member_with_patient() for _ in range(count)]


def test_200_members_for_60_places():
    schedule = schedule_with_slots(60)

    outcomes = together(*(partial(book, alice, schedule) for alice in members(200)))
    # "Try later" is an answer for a moment in which every free place was being looked at.
    answers = counted(outcomes)

    assert answers["done"] == 60, answers
    assert set(answers) <= {"done", "sold_out", "try_later"}, answers
    assert Appointment.objects.live().values("slot").distinct().count() == 60


def test_64_members_for_one_place_again_and_again():
    crowd = members(64)
    for _round in range(5):
        schedule = schedule_with_slots(1)

        outcomes = together(
            *(partial(hold, alice, schedule, key=str(schedule.uid)) for alice in crowd)
        )

        answers = counted(outcomes)
        assert answers["done"] == 1, answers
        assert Appointment.objects.live().filter(slot__schedule=schedule).count() == 1
        expire_lapsed_holds(now=schedule.starts_at)


def test_the_same_key_32_times_has_one_effect():
    alice, schedule = member_with_patient(), schedule_with_slots(60)

    outcomes = together(*(partial(book, alice, schedule, key="same") for _ in range(32)))

    answers = counted(outcomes)
    assert set(answers) <= {"done", "in_progress"}, answers
    made = {outcome.pk for outcome in outcomes if not isinstance(outcome, DomainError)}
    assert len(made) == 1
    assert Appointment.objects.count() == 1


@pytest.mark.parametrize("_round", range(5))
def test_one_patient_never_gets_two_overlapping_places(_round):
    child = PatientFactory()
    parents = [FamilyLinkFactory(patient=child, relation="child").member for _ in range(2)]
    schedules = [schedule_with_slots(1), schedule_with_slots(1)]

    outcomes = together(*(partial(book, *pair) for pair in zip(parents, schedules, strict=True)))

    assert counted(outcomes) == {"done": 1, "patient_busy": 1}


def test_two_members_who_book_in_opposite_order_do_not_deadlock():
    child = PatientFactory()
    parents = [FamilyLinkFactory(patient=child, relation="child").member for _ in range(8)]
    schedules = [schedule_with_slots(1) for _ in range(8)]

    outcomes = together(*(partial(book, *pair) for pair in zip(parents, schedules, strict=True)))

    assert counted(outcomes)["done"] == 1
    assert set(counted(outcomes)) <= {"done", "patient_busy", "try_later"}


@pytest.mark.parametrize("_round", range(5))
def test_booking_against_cancelling(_round):
    schedule = schedule_with_slots(1)
    mine = book(member_with_patient(), schedule)
    cancel = partial(
        cancel_appointment, appointment_uid=mine.uid, by=mine.member.user, now=clock.now()
    )

    outcomes = together(cancel, *(partial(book, alice, schedule) for alice in members(8)))

    assert outcomes[0].state == AppointmentState.CANCELLED
    assert Appointment.objects.live().count() <= 1
    _place_and_appointments_agree(schedule)


@pytest.mark.parametrize("_round", range(5))
def test_confirming_against_expiry_has_one_winner(_round):
    schedule, now = schedule_with_slots(1), clock.now()
    mine = hold(member_with_patient(), schedule, now=now)
    confirm = partial(
        confirm_appointment,
        appointment_uid=mine.uid,
        way_to_pay="desk",
        by=mine.member.user,
        now=now,
    )
    expire = partial(expire_lapsed_holds, now=mine.hold_expires_at)

    confirmed, expired = together(confirm, expire)

    mine.refresh_from_db()
    if expired:
        assert (mine.state, confirmed.code) == (AppointmentState.EXPIRED, "hold_expired")
    else:
        assert mine.state == AppointmentState.BOOKED
    _place_and_appointments_agree(schedule)


@pytest.mark.parametrize("_round", range(5))
def test_booking_against_calling_off_leaves_no_live_appointment(_round):
    schedule, staff = schedule_with_slots(6), UserFactory(is_staff=True)
    call_off = partial(
        call_off_schedules,
        schedule_uids=[schedule.uid],
        reason="Ill",
        by=staff,
        now=clock.now(),
    )

    outcomes = together(call_off, *(partial(book, alice, schedule) for alice in members(8)))

    assert counted(outcomes[:1]) == {"done": 1}
    assert not Appointment.objects.live().exists()
    assert set(schedule.slots.values_list("state", flat=True)) == {SlotState.BLOCKED}
    assert set(counted(outcomes[1:])) <= {"done", "called_off", "sold_out", "try_later"}


@pytest.mark.parametrize("_round", range(5))
def test_cancelling_against_calling_off_has_one_winner(_round):
    schedule, staff = schedule_with_slots(1), UserFactory(is_staff=True)
    mine = book(member_with_patient(), schedule)

    together(
        partial(cancel_appointment, appointment_uid=mine.uid, by=mine.member.user, now=clock.now()),
        partial(
            call_off_schedules,
            schedule_uids=[schedule.uid],
            reason="Ill",
            by=staff,
            now=clock.now(),
        ),
    )

    mine.refresh_from_db()
    assert mine.state in (AppointmentState.CANCELLED, AppointmentState.CALLED_OFF)
    assert schedule.slots.get().state == SlotState.BLOCKED


def test_taps_on_many_times_leave_one_hold():
    alice, schedule = member_with_patient(), schedule_with_slots(9)

    together(
        *(
            partial(hold, alice, schedule, key=f"{slot.number}", starts_at=slot.starts_at)
            for slot in schedule.slots.all()
        )
    )

    assert Appointment.objects.held().count() == 1
    _place_and_appointments_agree(schedule)


def _place_and_appointments_agree(schedule):
    for slot in schedule.slots.all():
        is_live = Appointment.objects.live().filter(slot=slot).exists()
        assert (slot.state == SlotState.TAKEN) == is_live
