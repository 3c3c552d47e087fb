"""Which moves does the day of the visit allow?"""

from datetime import timedelta

import pytest

from appointments.choices import AppointmentState
from appointments.errors import OutsideCheckInWindow, WrongState
from appointments.models import MOVES, Appointment
from appointments.services.payment import take_desk_payment
from appointments.services.visits import check_in, finish_visit, start_visit
from billing.choices import InvoiceState
from billing.errors import AlreadyPaid
from billing.selectors import invoice_of
from medbook.errors import NotAllowed
from scheduling.choices import SlotState
from tests.appointments.booking import book, hold
from tests.factories import UserFactory, member_with_patient, schedule_with_slots


@pytest.fixture
def visit(db):
    return book(member_with_patient(), schedule_with_slots(1))


@pytest.fixture
def staff(db, visit):
    visit.doctor.user = UserFactory(is_staff=True)
    visit.doctor.save()
    return {"appointment_uid": visit.uid, "by": visit.doctor.user, "now": visit.starts_at}


def test_goes_from_booked_to_completed(visit, staff):
    assert check_in(**staff).state == AppointmentState.ARRIVED
    assert start_visit(**staff).state == AppointmentState.IN_CONSULTATION
    assert finish_visit(**staff).state == AppointmentState.COMPLETED

    visit.slot.refresh_from_db()
    assert visit.slot.state == SlotState.BLOCKED  # used up: never sold again


def test_check_in_waits_for_the_day(visit, staff):
    with pytest.raises(OutsideCheckInWindow):
        check_in(**{**staff, "now": visit.starts_at - timedelta(days=1)})


@pytest.mark.parametrize("step", [start_visit, finish_visit])
def test_no_step_is_skipped(staff, step):
    with pytest.raises(WrongState):
        step(**staff)


def test_only_the_doctor_who_sits_conducts_the_visit(staff):
    check_in(**staff)

    with pytest.raises(NotAllowed):
        start_visit(**{**staff, "by": UserFactory(is_staff=True)})


def test_nobody_checks_in_twice(staff):
    check_in(**staff)

    with pytest.raises(WrongState):
        check_in(**staff)
    start_visit(**staff)
    with pytest.raises(WrongState):
        check_in(**staff)


def test_the_desk_takes_money_from_the_booking_on(visit, staff):
    held = hold(member_with_patient(), schedule_with_slots(1))
    with pytest.raises(WrongState):
        take_desk_payment(gateway="desk_cash", **{**staff, "appointment_uid": held.uid})

    payment = take_desk_payment(gateway="desk_cash", **staff)

    assert payment.amount == visit.price
    assert invoice_of(f"appointment:{visit.uid}").state == InvoiceState.PAID


def test_the_desk_takes_money_once(staff):
    check_in(**staff)
    take_desk_payment(gateway="desk_card", **staff)

    with pytest.raises(AlreadyPaid):
        take_desk_payment(gateway="desk_cash", **staff)


@pytest.mark.parametrize("state", AppointmentState)
def test_every_move_outside_the_table_is_refused(state):
    for target in AppointmentState:
        appointment = Appointment(state=state)
        if target in MOVES[state]:
            appointment.move_to(target)
            assert appointment.state == target
        else:
            with pytest.raises(WrongState):
                appointment.move_to(target)
