"""Who may cancel until when, and what comes back?"""

from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest

from appointments.choices import AppointmentState, EndReason
from appointments.errors import AlreadyCancelled, TooLateToCancel, WrongState
from appointments.services import returning
from appointments.services.cancelling import cancel_appointment
from appointments.services.visits import check_in
from billing.models import Refund
from billing.selectors import invoice_of
from medbook import clock
from medbook.errors import Missing
from scheduling.choices import SlotState
from scheduling.errors import SoldOut
from tests.appointments.booking import book, hold, pay
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


def test_a_sought_after_place_comes_back_at_a_later_minute_nobody_can_foretell(monkeypatch):
    monkeypatch.setattr(returning._chance, "random", lambda: 0.5)
    schedule, now = schedule_with_slots(1, high_demand=True), clock.now()
    visit = book(member_with_patient(), schedule)

    cancel(visit, now=now)

    assert schedule.slots.get().returns_at == now + timedelta(minutes=31)
    with pytest.raises(SoldOut):
        book(member_with_patient(), schedule, now=now + timedelta(minutes=30))
    assert book(member_with_patient(), schedule, now=now + timedelta(minutes=31))


@pytest.mark.parametrize(("percent", "back"), [(50, [90]), (0, []), (33, [Decimal("59.40")])])
def test_late_by_privilege_gives_back_the_share_that_was_agreed_at_the_booking(percent, back):
    alice, schedule = member_with_patient(), schedule_with_slots(1)
    PrivilegeFactory(tier=alice.tier, key="can_cancel_late", value="true")
    schedule.department.late_refund_percent = percent
    schedule.department.save()
    visit = book(alice, schedule)
    schedule.department.late_refund_percent = 10
    schedule.department.save()
    pay(visit)

    cancel(visit, now=visit.cancel_until)

    assert [refund.amount for refund in Refund.objects.all()] == back


def test_a_deadline_of_the_day_before_is_copied_at_the_booking():
    schedule = schedule_with_slots(1)
    schedule.department.cancel_days_before, schedule.department.cancel_time = 1, time(17)
    schedule.department.save()

    visit = book(member_with_patient(), schedule)

    day_before = schedule.service_date - timedelta(days=1)
    assert visit.cancel_until == datetime.fromisoformat(f"{day_before}T17:00:00+08:00")
