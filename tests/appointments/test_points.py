"""Do points pay a part of a visit, come back with it, and come in once it is over and paid?"""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from appointments.errors import TooManyPoints
from appointments.models import Appointment
from appointments.services.booking import confirm_appointment, invoice_subject
from appointments.services.cancelling import cancel_appointment
from appointments.services.payment import take_desk_payment
from appointments.services.points import take_back_awarded_points
from appointments.services.visits import check_in, finish_visit, start_visit
from billing.models import Refund
from billing.selectors import invoice_of
from billing.services.refunds import hand_back_refund
from medbook import clock
from medbook.outbox.models import OutboxMessage
from medbook.outbox.services import deliver_message, dispatch_due_messages
from members.errors import NotEnoughPoints
from members.models import PointEntry
from members.selectors.points import balance
from members.services.points import earn_points
from tests.appointments.booking import book, call_off, hold, reschedule
from tests.factories import (
    PrivilegeFactory,
    TierFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


def member_with_points(points=5000, **fields):
    alice = member_with_patient(**fields)
    with transaction.atomic():
        earn_points(member=alice, points=points, reference=f"before:{alice.pk}", now=clock.now())
    return alice


def confirm(appointment, points):
    return confirm_appointment(
        appointment_uid=appointment.uid,
        way_to_pay="desk",
        points=points,
        by=appointment.member.user,
        now=clock.now(),
    )


def cancel(appointment):
    cancel_appointment(appointment_uid=appointment.uid, by=appointment.member.user, now=clock.now())


def dispatch():
    assert dispatch_due_messages(now=clock.now())
    assert not OutboxMessage.objects.filter(handled_at__isnull=True, attempts__gt=0).exists()


def pay(appointment):
    take_desk_payment(
        appointment_uid=appointment.uid,
        gateway="desk_cash",
        by=UserFactory(is_staff=True),
        now=appointment.starts_at,
    )


def attend(appointment):
    doctor = UserFactory(is_staff=True, is_superuser=True)
    asked = {"appointment_uid": appointment.uid, "by": doctor, "now": appointment.starts_at}
    check_in(**asked)
    start_visit(**asked)
    return asked


class TestPaying:
    def test_points_pay_a_part_of_the_fee_after_the_tiers_discount(self):
        gold = TierFactory(code="gold")
        PrivilegeFactory(tier=gold, key="discount_rate", value="0.9")
        alice = member_with_points(tier=gold)

        booked = confirm(hold(alice, schedule_with_slots(1)), 3240)

        assert (booked.fee, booked.discount, booked.points) == (180, 18, 3240)
        assert booked.price == Decimal("129.60")
        invoice = invoice_of(invoice_subject(booked))
        assert invoice.total == Decimal("129.60")
        lines = [(line.kind, line.amount) for line in invoice.lines.order_by("number")]
        assert lines == [("fee", 180), ("tier_discount", -18), ("points", Decimal("-32.40"))]
        assert balance(alice) == 5000 - 3240

    @pytest.mark.parametrize(("points", "is_allowed"), [(3600, True), (3601, False)])
    def test_a_fifth_at_most(self, points, is_allowed):
        alice = member_with_points()
        held = hold(alice, schedule_with_slots(1))

        if is_allowed:
            assert confirm(held, points).points == points
        else:
            with pytest.raises(TooManyPoints) as refusal:
                confirm(held, points)
            assert refusal.value.facts == {"most": 3600}
            held.refresh_from_db()
            assert (held.state, balance(alice)) == ("held", 5000)

    @pytest.mark.parametrize(("points", "is_enough"), [(100, True), (101, False)])
    def test_no_more_than_there_are(self, points, is_enough):
        alice = member_with_points(100)
        held = hold(alice, schedule_with_slots(1))

        if is_enough:
            assert confirm(held, points).points == points
        else:
            with pytest.raises(NotEnoughPoints):
                confirm(held, points)
            assert not PointEntry.objects.filter(reason="spent").exists()

    def test_confirming_twice_takes_them_once(self):
        alice = member_with_points()
        held = hold(alice, schedule_with_slots(1))

        confirm(held, 100)
        confirm(held, 100)

        assert balance(alice) == 4900

    def test_booking_in_one_step_takes_them_once_for_a_key(self):
        alice, schedule = member_with_points(), schedule_with_slots(2)

        assert book(alice, schedule, points=100) == book(alice, schedule, points=100)
        assert balance(alice) == 4900

    def test_those_of_another_member_are_out_of_reach(self):
        member_with_points()
        bo = member_with_patient()

        with pytest.raises(NotEnoughPoints):
            book(bo, schedule_with_slots(1), points=1)


class TestGivingBack:
    def test_a_cancelled_visit_gives_them_back(self):
        alice = member_with_points()
        ends = alice.points.get().expires_at
        cancel(book(alice, schedule_with_slots(1), points=700))
        assert balance(alice) == 4300  # after the commit, not in it

        dispatch()

        back = alice.points.get(reason="given_back")
        assert (back.amount, back.expires_at, balance(alice)) == (700, ends, 5000)

    def test_a_visit_that_was_called_off_gives_them_back(self):
        alice, schedule = member_with_points(), schedule_with_slots(1)
        book(alice, schedule, points=700)
        call_off(schedule)

        dispatch()

        assert balance(alice) == 5000

    def test_told_twice_they_come_back_once(self):
        alice = member_with_points()
        cancel(book(alice, schedule_with_slots(1), points=700))
        dispatch()
        OutboxMessage.objects.update(handled_at=None, next_attempt_at=clock.now())

        dispatch()

        assert balance(alice) == 5000

    def test_a_booked_visit_keeps_them(self):
        alice = member_with_points()
        cancel(book(alice, schedule_with_slots(1), points=700))
        message = OutboxMessage.objects.get(
            topic="appointment.cancelled", handler__endswith="give_points_back"
        )
        Appointment.objects.update(state="booked", ended_at=None)

        deliver_message(message_id=message.pk, now=clock.now())

        assert balance(alice) == 4300
        Appointment.objects.update(state="cancelled", ended_at=clock.now())

    def test_booking_and_cancelling_again_and_again_gains_and_loses_nothing(self):
        alice = member_with_points()
        for number in range(5):
            cancel(book(alice, schedule_with_slots(1), key=str(number), points=number * 100))
            dispatch()

        assert balance(alice) == 5000
        assert len({entry.expires_at for entry in alice.points.filter(amount__gt=0)}) == 1


class TestEarning:
    @pytest.mark.parametrize("is_paid_first", [True, False])
    def test_a_visit_that_is_over_and_paid_earns_once(self, is_paid_first):
        alice = member_with_patient()
        visit = book(alice, schedule_with_slots(1))
        asked = attend(visit)
        first, second = (
            (lambda: pay(visit), lambda: finish_visit(**asked))
            if is_paid_first
            else (lambda: finish_visit(**asked), lambda: pay(visit))
        )

        first()
        dispatch()
        assert balance(alice) == 0
        second()
        dispatch()

        assert balance(alice) == 180
        OutboxMessage.objects.update(handled_at=None, next_attempt_at=clock.now())
        dispatch()
        assert balance(alice) == 180

    def test_by_what_was_paid_and_the_tiers_rate(self):
        gold = TierFactory(code="gold")
        PrivilegeFactory(tier=gold, key="points_rate", value="1.5")
        alice = member_with_points(1000, tier=gold)
        visit = book(alice, schedule_with_slots(1), points=999)
        asked = attend(visit)
        pay(visit)
        finish_visit(**asked)

        dispatch()

        earned = alice.points.order_by("seq").last()
        assert (earned.reason, earned.amount) == ("earned", 228)  # 152.01 × 1.5 = 228.015

    def test_nothing_was_paid_nothing_is_earned(self):
        alice = member_with_patient()
        visit = book(alice, schedule_with_slots(1, fee=Decimal(0)))
        finish_visit(**attend(visit))

        dispatch()

        assert not alice.points.exists()


class TestTakingBack:
    def refund(self, visit, refund, before, amount):
        take_back_awarded_points(
            subject=invoice_subject(visit),
            refund=refund,
            refunded_before=before,
            refunded=amount,
        )

    def test_refunds_take_back_their_share_once_each(self):
        alice = member_with_patient()
        visit = book(alice, schedule_with_slots(1))
        asked = attend(visit)
        pay(visit)
        finish_visit(**asked)
        dispatch()

        self.refund(visit, "R1", "0", "60.00")
        self.refund(visit, "R1", "0", "60.00")
        assert balance(alice) == 120
        self.refund(visit, "R2", "60.00", "120.00")

        assert balance(alice) == 0

    def test_a_visit_that_earned_nothing_owes_nothing(self):
        alice = member_with_patient()
        visit = book(alice, schedule_with_slots(1))

        self.refund(visit, "R1", "0", "60.00")

        assert not alice.points.exists()

    def test_what_was_asked_back_before_the_visit_earned_nothing_and_owes_nothing(self):
        alice = member_with_patient()
        visit = book(alice, schedule_with_slots(1))
        pay(visit)
        cheaper = schedule_with_slots(
            1,
            doctor=visit.doctor,
            fee=Decimal("100.00"),
            service_date=(visit.service_date + timedelta(days=1)),
        )
        visit = reschedule(visit, cheaper)
        finish_visit(**attend(visit))
        dispatch()
        assert balance(alice) == 100

        desk = UserFactory(is_staff=True)
        hand_back_refund(refund_uid=Refund.objects.get().uid, by=desk, now=clock.now())
        dispatch()

        assert balance(alice) == 100
