"""What happens to places and appointments when a doctor does not sit?"""

from datetime import timedelta

import pytest

from appointments.choices import AppointmentState, EndReason
from appointments.errors import CalledOff
from appointments.models import Appointment
from appointments.services.calling_off import call_off_schedules
from appointments.services.payment import take_desk_payment
from appointments.services.visits import check_in, start_visit
from billing.choices import RefundState
from billing.models import Refund
from billing.selectors import invoice_of
from medbook import clock
from scheduling.choices import ScheduleState, SlotState
from tests.appointments.booking import book, hold
from tests.factories import UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db


def call_off(schedule):
    return call_off_schedules(
        schedule_uids=[schedule.uid],
        reason="Ill",
        by=UserFactory(is_staff=True),
        now=clock.now(),
    )


def test_calls_off_held_and_booked_and_blocks_every_place():
    schedule = schedule_with_slots(3)
    held, booked = hold(member_with_patient(), schedule), book(member_with_patient(), schedule)

    assert call_off(schedule) == 2

    schedule.refresh_from_db()
    assert schedule.state == ScheduleState.CALLED_OFF
    assert {slot.state for slot in schedule.slots.all()} == {SlotState.BLOCKED}
    for appointment in Appointment.objects.filter(pk__in=[held.pk, booked.pk]):
        assert appointment.state == AppointmentState.CALLED_OFF
        assert appointment.end_reason == EndReason.CLINIC
    assert invoice_of(f"appointment:{booked.uid}") is None


def test_sells_nothing_afterwards():
    schedule = schedule_with_slots(3)
    call_off(schedule)

    with pytest.raises(CalledOff):
        hold(member_with_patient(), schedule)


def test_twice_changes_nothing():
    schedule = schedule_with_slots(1)
    book(member_with_patient(), schedule)

    assert (call_off(schedule), call_off(schedule)) == (1, 0)


def test_leaves_a_consultation_that_has_begun_and_gives_back_what_was_paid():
    schedule, desk = schedule_with_slots(3), UserFactory(is_staff=True, is_superuser=True)
    begun, paid, arrived = (book(member_with_patient(), schedule) for _ in range(3))
    for appointment in (begun, paid, arrived):
        check_in(appointment_uid=appointment.uid, by=desk, now=schedule.starts_at)
    start_visit(appointment_uid=begun.uid, by=desk, now=schedule.starts_at)
    take_desk_payment(
        appointment_uid=paid.uid, gateway="desk_cash", by=desk, now=schedule.starts_at
    )

    assert call_off(schedule) == 2

    states = dict(Appointment.objects.values_list("uid", "state"))
    assert states[begun.uid] == AppointmentState.IN_CONSULTATION
    assert states[paid.uid] == AppointmentState.CALLED_OFF
    refund = Refund.objects.get()
    assert (refund.amount, refund.state) == (paid.price, RefundState.REQUESTED)
    assert states[arrived.uid] == AppointmentState.CALLED_OFF
    assert {slot.number: slot.state for slot in schedule.slots.all()} == {
        1: SlotState.TAKEN,
        2: SlotState.BLOCKED,
        3: SlotState.BLOCKED,
    }


def test_frees_the_patient_for_another_session():
    alice, schedule = member_with_patient(), schedule_with_slots(1)
    book(alice, schedule, key="1")
    call_off(schedule)

    assert book(alice, schedule_with_slots(1), key="2")


def test_a_lapsed_hold_is_called_off_too():
    schedule, now = schedule_with_slots(1), clock.now()
    hold(member_with_patient(), schedule, now=now - timedelta(minutes=16))

    assert call_off(schedule) == 1
