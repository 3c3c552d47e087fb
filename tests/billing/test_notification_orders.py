"""In whatever order news of money comes, does it end in an allowed state and balanced books?"""

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import transaction
from django.db.models import Sum

from billing.choices import Account, RefundReason, RefundState
from billing.gateways.base import Outcome, PaymentNews, RefundNews
from billing.models import Invoice, Payment, Posting, Refund
from billing.rules.prices import quote
from billing.services.invoices import let_lapse, raise_invoice
from billing.services.payments import note_payment_news
from billing.services.refunds import give_up_invoice, note_refund_news
from medbook import clock
from reports.selectors import broken_invariants
from tests.factories import MemberFactory

ORDERS, CHUNKS = 2000, 8
FEE = Decimal("180.00")


def begun(member, number):
    """Ask for money, with two attempts to pay under way."""
    subject, now = f"order:{number}", clock.now()
    price = quote(fee=FEE, currency="CNY", discount_rate=Decimal(1))
    invoice = raise_invoice(
        member=member, subject=subject, purpose="test", quote=price, by=None, now=now
    )
    return invoice, [
        Payment.objects.create(
            invoice=invoice,
            gateway="sandbox",
            amount=FEE,
            currency="CNY",
            requested_at=now,
            next_query_at=now,
        )
        for _attempt in range(2)
    ]


def events_of(invoice, payments):
    """List what may happen: what the bank says, twice and wrongly too, and what people do."""
    now, events = clock.now(), []
    for payment in payments:
        paid = PaymentNews(payment.number, Outcome.SUCCEEDED, payment.number, FEE, "CNY", now)
        events += [
            paid,
            paid,
            replace(paid, outcome=Outcome.FAILED),
            replace(paid, outcome=Outcome.PENDING),
            replace(paid, amount=FEE + 1),
            replace(paid, currency="EUR"),
            replace(paid, transaction=f"other {payment.number}"[:40]),
        ]
    return [*events, "cancel", "lapse", "refunded", "refused", "refunded"]


def happen(event, invoice, payments):
    """Let one thing happen."""
    now = clock.now()
    if isinstance(event, PaymentNews):
        note_payment_news(gateway="sandbox", news=event, now=now)
    elif event == "cancel":
        with transaction.atomic():
            give_up_invoice(
                subject=invoice.subject,
                percent=50,
                reason=RefundReason.CANCELLED,
                by=None,
                now=now,
            )
    elif event == "lapse":
        with transaction.atomic():
            let_lapse(subject=invoice.subject, now=now)
    else:
        outcome = Outcome.SUCCEEDED if event == "refunded" else Outcome.FAILED
        for refund in Refund.objects.filter(payment__in=payments):
            note_refund_news(news=RefundNews(refund.number, outcome), now=now)


@pytest.mark.django_db
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_order_ends_in_an_allowed_state_with_the_books_balanced(chunk):
    chance = random.Random(chunk)
    member = MemberFactory()
    for number in range(ORDERS // CHUNKS):
        with transaction.atomic():
            invoice, payments = begun(member, number)
        events = events_of(invoice, payments)
        chosen = chance.sample(events, chance.randint(2, 6))
        for event in chosen:
            happen(event, invoice, payments)

        said = f"chunk {chunk}, order {number}: {chosen}"
        taken = Payment.objects.filter(invoice=invoice, state="captured")
        is_paid = Invoice.objects.get(pk=invoice.pk).paid_at is not None
        assert taken.filter(is_extra=False).count() == is_paid, said

    captured = Payment.objects.filter(state="captured").aggregate(sum=Sum("amount"))["sum"]
    back = Refund.objects.filter(state=RefundState.SUCCEEDED).aggregate(sum=Sum("amount"))["sum"]
    held = Posting.objects.filter(account=Account.SANDBOX).aggregate(sum=Sum("amount"))["sum"]
    assert held == captured - back
    assert broken_invariants(now=clock.now(), workers_run=False) == {}
