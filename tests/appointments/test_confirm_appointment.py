"""When does a hold become a booking?"""

from datetime import timedelta

import pytest

from appointments.choices import AppointmentState
from appointments.errors import (
    HoldExpired,
    NotYourPatient,
    PatientBusy,
    PayAtDeskNotAllowed,
    WrongState,
)
from appointments.services.booking import confirm_appointment
from appointments.services.cancelling import cancel_appointment
from appointments.services.holds import extend_hold
from billing.selectors import invoice_of
from medbook import clock
from medbook.audit.models import OperationLog
from medbook.errors import Missing
from medbook.outbox.models import OutboxMessage
from tests.appointments.booking import book, hold
from tests.factories import (
    FamilyLinkFactory,
    PatientFactory,
    PrivilegeFactory,
    TierFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


def confirm(appointment, *, by=None, now=None, **more):
    return confirm_appointment(
        appointment_uid=appointment.uid,
        way_to_pay="desk",
        by=by or appointment.member.user,
        now=now or clock.now(),
        **more,
    )


def test_books_raises_the_invoice_and_tells():
    appointment = hold(member_with_patient(), schedule_with_slots(1))

    booked = confirm(appointment)

    assert (booked.state, booked.hold_expires_at) == (AppointmentState.BOOKED, None)
    assert invoice_of(f"appointment:{booked.uid}").total == 180
    assert OutboxMessage.objects.filter(topic="appointment.booked").count() == 1
    assert OperationLog.objects.filter(action="appointment.booked").count() == 1


def test_prices_by_the_tier_of_the_moment_of_confirming():
    gold, alice = TierFactory(code="gold"), member_with_patient()
    PrivilegeFactory(tier=gold, key="discount_rate", value="0.9")
    appointment = hold(alice, schedule_with_slots(1))
    alice.tier = gold
    alice.save()

    booked = confirm(appointment)

    assert (booked.price, booked.tier) == (162, gold)
    assert [line.amount for line in invoice_of(f"appointment:{booked.uid}").lines.all()] == [
        180,
        -18,
    ]


def test_confirming_twice_changes_nothing():
    appointment = hold(member_with_patient(), schedule_with_slots(1))
    confirm(appointment)

    assert confirm(appointment).state == AppointmentState.BOOKED
    assert OutboxMessage.objects.filter(topic="appointment.booked").count() == 1


@pytest.mark.parametrize(("seconds", "is_in_time"), [(-1, True), (0, False), (1, False)])
def test_confirms_until_the_hold_runs_out(seconds, is_in_time):
    appointment = hold(member_with_patient(), schedule_with_slots(1))
    instant = appointment.hold_expires_at + timedelta(seconds=seconds)

    if is_in_time:
        assert confirm(appointment, now=instant)
    else:
        with pytest.raises(HoldExpired):
            confirm(appointment, now=instant)


def test_sets_the_patient_while_held():
    alice = member_with_patient()
    child = FamilyLinkFactory(member=alice, relation="child").patient
    appointment = hold(alice, schedule_with_slots(1))

    assert confirm(appointment, patient=child).patient == child


def test_refuses_a_patient_of_somebody_else():
    appointment = hold(member_with_patient(), schedule_with_slots(1))

    with pytest.raises(NotYourPatient):
        confirm(appointment, patient=PatientFactory())


def test_refuses_a_patient_who_is_busy_at_that_time():
    alice = member_with_patient()
    child = FamilyLinkFactory(member=alice, relation="child").patient
    book(alice, schedule_with_slots(1), key="1", patient=child)
    appointment = hold(alice, schedule_with_slots(1), key="2")

    with pytest.raises(PatientBusy):
        confirm(appointment, patient=child)


def test_keeps_the_reason_sealed():
    appointment = confirm(hold(member_with_patient(), schedule_with_slots(1)), reason="Headache")

    appointment.refresh_from_db()
    assert appointment.reason.reveal() == "Headache"
    assert "Headache" not in str(appointment.reason)


def test_refuses_the_desk_to_a_tier_that_pays_online():
    alice = member_with_patient()
    PrivilegeFactory(tier=alice.tier, key="pay_at_desk", value="false")

    with pytest.raises(PayAtDeskNotAllowed):
        confirm(hold(alice, schedule_with_slots(1)))


def test_hides_the_appointment_from_a_stranger():
    appointment = hold(member_with_patient(), schedule_with_slots(1))

    with pytest.raises(Missing):
        confirm(appointment, by=member_with_patient().user)


def test_refuses_what_is_cancelled():
    appointment = hold(member_with_patient(), schedule_with_slots(1))
    cancel_appointment(appointment_uid=appointment.uid, by=appointment.member.user, now=clock.now())

    with pytest.raises(WrongState):
        confirm(appointment)


def test_extends_a_hold_once_by_five_minutes():
    appointment = hold(member_with_patient(), schedule_with_slots(1))
    asked = {"appointment_uid": appointment.uid, "by": appointment.member.user}

    extended = extend_hold(now=clock.now(), **asked)

    assert extended.hold_expires_at == appointment.hold_expires_at + timedelta(minutes=5)
    with pytest.raises(WrongState):
        extend_hold(now=clock.now(), **asked)
