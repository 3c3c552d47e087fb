"""When news of money, refunds and cancelling meet, does the money move once?"""

from functools import partial

import pytest
from django.db import transaction

from appointments.services.cancelling import cancel_appointment
from appointments.services.holds import expire_lapsed_holds
from billing.gateways.base import Outcome, PaymentNews
from billing.models import GatewayNotice, Invoice, JournalEntry, Payment, Refund
from billing.sandbox.models import SandboxNotification, SandboxRefund
from billing.services import payments
from billing.services.payments import (
    give_up_overdue_invoices,
    note_payment_news,
    take_in_notification,
)
from billing.services.refunds import send_refund
from medbook import clock
from medbook.locks import Rung, lock
from tests.appointments.paying import (
    agree,
    at_the_bank,
    begin,
    deliver,
    news,
    pay_online,
    refunds,
    signed_notification,
    states,
)
from tests.factories import member_with_patient, schedule_with_slots
from tests.racing import counted, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("bank")]

MANY = 16


def agreed():
    return agree(member_with_patient(), schedule_with_slots(1))


def test_one_notification_that_comes_many_times_at_once_is_one_payment():
    visit = agreed()
    payment = begin(visit)
    at_the_bank(payment)
    told = signed_notification(SandboxNotification.objects.get())
    take_in = partial(take_in_notification, gateway="sandbox", notification=told, now=clock.now())

    assert counted(together(*[take_in] * MANY)) == {"done": MANY}

    news()
    assert states(visit) == ("booked", ["paid"], ["captured"])
    assert GatewayNotice.objects.count() == 1
    assert JournalEntry.objects.filter(reference=f"payment:{payment.uid}").count() == 1


def test_the_same_news_under_many_names_is_one_payment_and_without_the_look_it_is_not(monkeypatch):
    visit = agreed()
    payment = begin(visit)
    paid = PaymentNews(payment.number, Outcome.SUCCEEDED, "T1", payment.amount, "CNY", clock.now())
    tell = partial(note_payment_news, gateway="sandbox", news=paid, now=clock.now())

    assert counted(together(*[tell] * MANY)) == {"done": MANY}
    assert states(visit)[2] == ["captured"]
    assert not Payment.objects.filter(is_extra=True).exists()

    every_state = tuple(payments.PaymentState)
    monkeypatch.setattr(payments, "UNDECIDED", every_state)
    assert counted(together(tell)) == {"done": 1}
    assert Payment.objects.filter(is_extra=True).exists()
    Payment.objects.update(is_extra=False)
    Refund.objects.all().delete()


def test_two_payments_at_once_pay_once_and_one_goes_back():
    visit = agreed()
    first, second = begin(visit, key="one"), begin(visit, key="two")
    tell = [
        partial(
            note_payment_news,
            gateway="sandbox",
            news=PaymentNews(
                each.number, Outcome.SUCCEEDED, each.number, each.amount, "CNY", clock.now()
            ),
            now=clock.now(),
        )
        for each in (first, second)
    ]

    assert counted(together(*tell)) == {"done": 2}

    news()
    assert states(visit) == ("booked", ["paid"], ["captured", "captured"])
    assert [(reason, state) for reason, _amount, state in refunds(visit)] == [("extra", "approved")]


def test_a_refund_that_many_send_at_once_goes_back_once():
    visit = agreed()
    pay_online(visit)
    cancel_appointment(appointment_uid=visit.uid, by=visit.member.user, now=clock.now())
    refund = Refund.objects.get()
    send = partial(send_refund, refund_uid=refund.uid, now=clock.now())

    assert counted(together(*[send] * MANY)) == {"done": MANY}

    assert Refund.objects.get().state == "succeeded"
    assert SandboxRefund.objects.count() == 1
    assert JournalEntry.objects.filter(reference=f"refund:{refund.uid}").count() == 1


def test_a_hold_that_lapses_waits_for_nobody_who_has_its_invoice_which_is_given_up_later():
    visit = agreed()
    lapsed = visit.hold_expires_at
    with transaction.atomic():
        lock(Invoice.objects.filter(subject=visit.subject), Rung.INVOICE).get()
        assert together(partial(expire_lapsed_holds, now=lapsed)) == [1]
    assert states(visit) == ("expired", ["open"], [])

    assert give_up_overdue_invoices(now=lapsed) == 1
    assert states(visit) == ("expired", ["void"], [])


@pytest.mark.parametrize("_round", range(3))
def test_cancelling_while_the_money_comes_leaves_no_cent_behind(_round):
    visit = agreed()
    payment = begin(visit)
    at_the_bank(payment)
    together(
        partial(deliver),
        partial(
            cancel_appointment, appointment_uid=visit.uid, by=visit.member.user, now=clock.now()
        ),
    )
    for _again in range(2):
        deliver()

    state, _asked, _tried = states(visit)
    back = refunds(visit)
    assert state == "cancelled"
    assert [amount for _reason, amount, _state in back] == [payment.amount]
