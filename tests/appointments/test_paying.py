"""What becomes of a visit that is paid online, whatever the network does?"""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine

from appointments.models import Appointment
from appointments.services.cancelling import cancel_appointment
from appointments.services.holds import expire_lapsed_holds
from billing.choices import Account, EntryKind
from billing.errors import AlreadyPaid, GatewayAway, NothingToPay, TooLateToPay, UnknownGateway
from billing.models import GatewayNotice, JournalEntry, Payment, Posting, Quarantine, Refund
from billing.sandbox.choices import Behaviour
from billing.sandbox.models import SandboxNotification, SandboxPayment, SandboxRefund
from billing.sandbox.services import send_again
from billing.services.payments import (
    check_payment,
    give_up_overdue_invoices,
    settle_undecided_payments,
)
from billing.services.refunds import send_due_refunds
from medbook import clock, outgoing
from medbook.errors import Missing
from members.models import Notification
from members.selectors.points import spendable
from members.services.points import earn_points
from tests.appointments.booking import book, hold
from tests.appointments.paying import (
    agree,
    at_the_bank,
    begin,
    deliver,
    news,
    pay_online,
    refunds,
    states,
)
from tests.factories import FamilyLinkFactory, member_with_patient, schedule_with_slots

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bank")]

MINUTE = timedelta(minutes=1)


@pytest.fixture
def alice():
    return member_with_patient()


@pytest.fixture
def visit(alice):
    return agree(alice, schedule_with_slots())


def balances():
    """Tell what every account holds."""
    sums = {}
    for account, amount in Posting.objects.values_list("account", "amount"):
        sums[account] = sums.get(account, Decimal(0)) + amount
    return {account: amount for account, amount in sums.items() if amount}


def test_what_is_to_be_paid_online_stays_held_until_it_is(visit):
    assert states(visit) == ("held", ["open"], [])
    assert visit.awaits_payment

    pay_online(visit)

    assert states(visit) == ("booked", ["paid"], ["captured"])
    assert balances() == {Account.SANDBOX: Decimal(180), Account.REVENUE: Decimal(-180)}


def test_a_payment_is_written_down_before_the_bank_hears_of_it(visit, monkeypatch):
    def look(*said):
        assert states(visit)[2] == ["pending"]
        raise TimeoutError

    monkeypatch.setattr(outgoing, "send", look)

    with pytest.raises(GatewayAway):
        begin(visit)

    assert states(visit) == ("held", ["open"], ["pending"])
    assert not SandboxPayment.objects.exists()


def test_pressed_twice_it_is_one_payment(visit):
    assert begin(visit) == begin(visit)
    assert SandboxPayment.objects.count() == 1


def test_a_stranger_pays_for_nobody_else(visit):
    visit.member = member_with_patient()

    with pytest.raises(Missing):
        begin(visit)


def test_a_gateway_that_is_off_takes_nothing(visit, settings):
    settings.PAYMENT_GATEWAYS = {}

    with pytest.raises(UnknownGateway):
        begin(visit)


def test_a_hold_that_waits_to_be_paid_is_not_replaced_by_another(alice, visit):
    child = FamilyLinkFactory(member=alice, relation="child").patient

    other = hold(alice, schedule_with_slots(), patient=child, key="other")

    assert states(visit)[0] == "held"
    assert states(other)[0] == "held"


@pytest.mark.parametrize("behaviour", [Behaviour.DOUBLE, Behaviour.REORDERED, Behaviour.FORGED])
def test_told_twice_out_of_order_or_by_a_forger_it_is_one_payment(visit, behaviour):
    payment = begin(visit)
    at_the_bank(payment, behaviour)
    for seconds in (0, 2, 6, 9):
        deliver(clock.now() + timedelta(seconds=seconds))

    assert states(visit) == ("booked", ["paid"], ["captured"])
    assert JournalEntry.objects.filter(kind=EntryKind.CAPTURE).count() == 1


def test_a_silent_bank_is_asked(visit):
    payment = begin(visit)
    at_the_bank(payment, Behaviour.SILENT)
    deliver()
    assert states(visit) == ("held", ["open"], ["pending"])

    assert settle_undecided_payments(now=clock.now() + timedelta(seconds=11)) == 1
    news()

    assert states(visit) == ("booked", ["paid"], ["captured"])
    assert settle_undecided_payments(now=clock.now() + MINUTE) == 0


def test_a_declined_payment_keeps_the_time_and_another_can_be_made(visit):
    before = visit.hold_expires_at
    payment = begin(visit)
    at_the_bank(payment, Behaviour.DECLINED)
    deliver()

    visit.refresh_from_db()
    assert states(visit) == ("held", ["open"], ["failed"])
    assert visit.hold_expires_at == before + 5 * MINUTE
    pay_online(visit, key="again")
    assert states(visit) == ("booked", ["paid"], ["failed", "captured"])


def test_another_amount_is_set_apart_and_nothing_is_guessed(visit):
    pay_online(visit, Behaviour.WRONG_AMOUNT)

    assert states(visit) == ("held", ["open"], ["quarantined"])
    apart = Quarantine.objects.get()
    assert (apart.amount, apart.why) == (Decimal(181), "amount")
    assert balances() == {}

    pay_online(visit, key="again")
    assert states(visit) == ("booked", ["paid"], ["quarantined", "captured"])


def test_paid_twice_the_extra_goes_back(visit):
    first, second = begin(visit, key="one"), begin(visit, key="two")
    at_the_bank(first)
    at_the_bank(second)
    deliver()

    assert states(visit) == ("booked", ["paid"], ["captured", "captured"])
    assert refunds(visit) == [("extra", Decimal(180), "approved")]
    send_due_refunds(now=clock.now())

    assert refunds(visit) == [("extra", Decimal(180), "succeeded")]
    assert Payment.objects.get(is_extra=True).refunds.count() == 1
    assert balances() == {Account.SANDBOX: Decimal(180), Account.REVENUE: Decimal(-180)}


def test_a_late_payment_takes_the_same_place_again(visit):
    payment = begin(visit)
    at_the_bank(payment, Behaviour.LATE, late_seconds=20 * 60)
    later = visit.hold_expires_at + MINUTE
    expire_lapsed_holds(now=later)
    assert states(visit) == ("expired", ["open"], ["pending"])

    with time_machine.travel(clock.now() + 20 * MINUTE):
        deliver()

    assert states(visit) == ("booked", ["paid"], ["captured"])
    visit.refresh_from_db()
    assert (visit.end_reason, visit.ended_at) == ("", None)


def test_a_late_payment_goes_back_where_the_place_is_gone(alice):
    schedule = schedule_with_slots(1)
    visit = agree(alice, schedule)
    payment = begin(visit)
    at_the_bank(payment, Behaviour.LATE, late_seconds=20 * 60)
    expire_lapsed_holds(now=visit.hold_expires_at + MINUTE)
    book(member_with_patient(), schedule)

    with time_machine.travel(clock.now() + 20 * MINUTE):
        deliver()
        send_due_refunds(now=clock.now())

    assert states(visit) == ("expired", ["refunded"], ["captured"])
    assert refunds(visit) == [("late", Decimal(180), "succeeded")]
    assert balances() == {Account.REVENUE: Decimal(-180), Account.REFUNDS: Decimal(180)}
    kinds = Notification.objects.filter(member=alice).values_list("kind", flat=True)
    assert "payment_too_late" in kinds


def test_points_stay_spent_while_a_late_payment_may_come(alice):
    earn_points(member=alice, points=1000, reference="before", now=clock.now())
    schedule = schedule_with_slots(1)
    visit = agree(alice, schedule, points=500)
    payment = begin(visit)
    at_the_bank(payment, Behaviour.LATE, late_seconds=20 * 60)
    later = visit.hold_expires_at + MINUTE
    expire_lapsed_holds(now=later)
    news()
    assert spendable(alice, later) == 500
    book(member_with_patient(), schedule)

    with time_machine.travel(clock.now() + 20 * MINUTE):
        deliver()

    assert spendable(alice, clock.now() + 20 * MINUTE) == 1000
    assert balances()[Account.REFUNDS] == Decimal(5)


def test_what_nobody_pays_is_given_up_with_its_points(alice):
    earn_points(member=alice, points=1000, reference="before", now=clock.now())
    visit = agree(alice, schedule_with_slots(), points=500)
    expire_lapsed_holds(now=visit.hold_expires_at)
    news()

    assert states(visit) == ("expired", ["void"], [])
    assert spendable(alice, clock.now()) == 1000
    with pytest.raises(NothingToPay):
        begin(visit)


def test_a_payment_that_the_bank_has_closed_gives_the_invoice_up(visit):
    begin(visit)
    later = visit.hold_expires_at + 11 * MINUTE
    expire_lapsed_holds(now=later)
    assert states(visit) == ("expired", ["open"], ["pending"])

    settle_undecided_payments(now=later)
    give_up_overdue_invoices(now=later)

    assert states(visit) == ("expired", ["void"], ["failed"])


def test_money_for_a_cancelled_booking_goes_back(visit):
    payment = begin(visit)
    cancel_appointment(appointment_uid=visit.uid, by=visit.member.user, now=clock.now())
    at_the_bank(payment)
    deliver()
    send_due_refunds(now=clock.now())

    assert states(visit) == ("cancelled", ["void"], ["captured"])
    assert refunds(visit) == [("extra", Decimal(180), "succeeded")]
    assert balances() == {}


def test_a_booked_visit_that_is_cancelled_is_paid_back_through_the_bank(visit):
    pay_online(visit)
    cancel_appointment(appointment_uid=visit.uid, by=visit.member.user, now=clock.now())
    news()
    assert refunds(visit) == [("cancelled", Decimal(180), "approved")]

    send_due_refunds(now=clock.now())
    deliver()

    assert states(visit) == ("cancelled", ["refunded"], ["captured"])
    assert SandboxRefund.objects.get().amount == Decimal(180)
    assert balances() == {Account.REVENUE: Decimal(-180), Account.REFUNDS: Decimal(180)}


def test_a_refund_without_an_answer_is_sent_again_with_its_number(visit, monkeypatch):
    pay_online(visit)
    cancel_appointment(appointment_uid=visit.uid, by=visit.member.user, now=clock.now())
    answer = outgoing.send

    def lose_the_answer(*said):
        answer(*said)
        raise TimeoutError

    monkeypatch.setattr(outgoing, "send", lose_the_answer)
    send_due_refunds(now=clock.now())
    assert Refund.objects.get().state == "sent"
    monkeypatch.setattr(outgoing, "send", answer)

    assert send_due_refunds(now=clock.now()) == 0
    assert send_due_refunds(now=clock.now() + MINUTE) == 1

    assert Refund.objects.get().state == "succeeded"
    assert SandboxRefund.objects.count() == 1


def test_what_is_paid_already_is_not_paid_again(visit):
    pay_online(visit)
    visit.refresh_from_db()

    with pytest.raises(AlreadyPaid):
        begin(visit, key="again")


def test_after_the_hold_nothing_is_begun(visit):
    with pytest.raises(TooLateToPay):
        begin(visit, now=visit.hold_expires_at)


def test_a_notification_is_taken_in_once(visit):
    payment = begin(visit)
    at_the_bank(payment)
    deliver()
    count = GatewayNotice.objects.count()
    send_again(notification_uid=SandboxNotification.objects.get().uid, now=clock.now())
    deliver()

    assert GatewayNotice.objects.count() == count == 1
    assert states(visit) == ("booked", ["paid"], ["captured"])


def test_checking_asks_the_bank_at_once(visit):
    payment = begin(visit)
    assert check_payment(payment_uid=payment.uid, now=clock.now()).state == "pending"
    at_the_bank(payment, Behaviour.SILENT)

    assert check_payment(payment_uid=payment.uid, now=clock.now()).state == "captured"


def test_a_patient_who_is_busy_by_then_gets_the_money_back(alice):
    schedule = schedule_with_slots()
    visit = agree(alice, schedule)
    payment = begin(visit)
    at_the_bank(payment, Behaviour.LATE, late_seconds=20 * 60)
    expire_lapsed_holds(now=visit.hold_expires_at + MINUTE)
    book(alice, schedule, key="other")

    with time_machine.travel(clock.now() + 20 * MINUTE):
        deliver()

    assert states(visit)[:2] == ("expired", ["paid"])
    assert refunds(visit) == [("late", Decimal(180), "approved")]
    assert Appointment.objects.filter(state="booked").count() == 1
