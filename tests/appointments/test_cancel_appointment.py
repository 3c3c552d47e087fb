"""Who may cancel until when, and what comes back?"""

from datetime import timedelta

import pytest

from appointments.choices import AppointmentState, EndReason
from appointments.errors import AlreadyCancelled, TooLateToCancel, WrongState
from appointments.services.cancelling import cancel_appointment
from appointments.services.visits import check_in
from billing.selectors import invoice_of
from medbook import clock
from medbook.errors import Missing
from scheduling.choices import SlotState
from tests.appointments.booking import book, hold
from tests.factories import (
    PrivilegeFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


def cancel(appointment, *, by=None, now=None):
    return cancel_appointment(
        appointment_uid=appointment.uid,
        by=by or appointment.member.user,
        now=now or clock.now(),
    )


def test_gives_the_place_back_and_voids_the_invoice():
    appointment = book(member_with_patient(), schedule_with_slots(1))

    cancelled = cancel(appointment)

    assert (cancelled.state, cancelled.end_reason) == (
        AppointmentState.CANCELLED,
        EndReason.MEMBER,
    )
    assert cancelled.slot.schedule.slots.get().state == SlotState.FREE
    assert invoice_of(f"appointment:{cancelled.uid}") is None


def test_the_place_can_be_booked_again():
    schedule = schedule_with_slots(1)
    cancel(book(member_with_patient(), schedule))

    assert book(member_with_patient(), schedule)


@pytest.mark.parametrize(("seconds", "is_in_time"), [(-1, True), (0, False), (1, False)])
def test_is_free_until_24_hours_before(seconds, is_in_time):
    appointment = book(member_with_patient(), schedule_with_slots(1))
    instant = appointment.starts_at - timedelta(hours=24) + timedelta(seconds=seconds)

    if is_in_time:
        assert cancel(appointment, now=instant)
    else:
        with pytest.raises(TooLateToCancel) as refusal:
            cancel(appointment, now=instant)
        assert refusal.value.facts["deadline"] == appointment.starts_at - timedelta(hours=24)


def test_is_possible_late_by_privilege_but_not_after_the_start():
    alice = member_with_patient()
    PrivilegeFactory(tier=alice.tier, key="can_cancel_late", value="true")
    appointment = book(alice, schedule_with_slots(1))

    with pytest.raises(TooLateToCancel):
        cancel(appointment, now=appointment.starts_at)
    assert cancel(appointment, now=appointment.starts_at - timedelta(seconds=1))


def test_staff_cancel_after_the_deadline():
    appointment = book(member_with_patient(), schedule_with_slots(1))

    cancelled = cancel(
        appointment, by=UserFactory(is_staff=True), now=appointment.starts_at - timedelta(hours=1)
    )

    assert cancelled.end_reason == EndReason.DESK


def test_a_hold_can_be_given_back_at_any_time():
    schedule = schedule_with_slots(1)
    appointment = hold(
        member_with_patient(), schedule, now=schedule.starts_at - timedelta(minutes=30)
    )

    assert cancel(appointment, now=schedule.starts_at - timedelta(minutes=29))


def test_says_when_it_is_cancelled_already():
    appointment = book(member_with_patient(), schedule_with_slots(1))
    cancel(appointment)

    with pytest.raises(AlreadyCancelled):
        cancel(appointment)


def test_refuses_once_the_patient_has_arrived():
    appointment = book(member_with_patient(), schedule_with_slots(1))
    desk = UserFactory(is_staff=True)
    check_in(appointment_uid=appointment.uid, by=desk, now=appointment.starts_at)

    with pytest.raises(WrongState):
        cancel(appointment, by=desk)


def test_hides_the_appointment_from_a_stranger():
    appointment = book(member_with_patient(), schedule_with_slots(1))

    with pytest.raises(Missing):
        cancel(appointment, by=member_with_patient().user)
