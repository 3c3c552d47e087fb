"""A doctor's morning with 23 visits is called off: is everybody told, paid back and helped?"""

import pytest

from appointments.choices import AppointmentState, OfferState
from appointments.models import Appointment, Offer
from appointments.services.booking import confirm_appointment
from appointments.services.offer_answers import accept_offer
from appointments.services.payment import take_desk_payment
from appointments.services.visits import check_in
from billing.models import Refund
from medbook import clock
from medbook.outbox.services import dispatch_due_messages
from members.models import Notification
from scheduling.choices import LeaveState
from tests.appointments.booking import book
from tests.appointments.leaves import colleague_session, confirmed
from tests.factories import UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db


def test_a_morning_with_23_visits_is_called_off():
    morning = schedule_with_slots(23)
    visits = [book(member_with_patient(), morning) for _ in range(23)]
    desk = UserFactory(is_staff=True, is_superuser=True)
    for visit in visits[:4]:
        at = {"by": desk, "now": morning.starts_at}
        check_in(appointment_uid=visit.uid, **at)
        take_desk_payment(appointment_uid=visit.uid, gateway="desk_cash", **at)
    for _ in range(8):
        colleague_session(morning, 9)

    leave = confirmed(morning)
    dispatch_due_messages(now=clock.now())

    assert leave.state == LeaveState.DONE
    assert Appointment.objects.filter(state=AppointmentState.CALLED_OFF).count() == 23
    assert Notification.objects.filter(kind="appointment_called_off").count() == 23
    assert Refund.objects.filter(reason="called_off").count() == 4
    assert {visit.offers.count() for visit in visits} == {3}
    slots = list(Offer.objects.values_list("slot", flat=True))
    assert len(slots) == len(set(slots)) == 69

    chosen, member = visits[0].offers.first(), visits[0].member
    held = accept_offer(offer_uid=chosen.uid, by=member.user, now=clock.now())
    confirm_appointment(
        appointment_uid=held.uid, way_to_pay="desk", by=member.user, now=clock.now()
    )

    held.refresh_from_db()
    assert held.state == AppointmentState.BOOKED
    states = sorted(visits[0].offers.values_list("state", flat=True))
    assert states == [OfferState.ACCEPTED, OfferState.WITHDRAWN, OfferState.WITHDRAWN]
