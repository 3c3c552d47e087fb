"""Money that moves at Sandbox Bank, without a socket, and days that are settled."""

import uuid
from datetime import timedelta
from decimal import Decimal

from billing.choices import Resolution
from billing.models import Invoice, Posting, Settlement
from billing.sandbox.choices import Behaviour
from billing.sandbox.models import SandboxPayment
from billing.sandbox.services import settle_payment
from billing.services.differences import resolve_difference
from billing.services.payments import check_payment, start_payment
from billing.services.refunds import refund_payment, send_refund
from billing.services.settling import close_settlement
from billing.services.statements import import_statement
from medbook import clock
from tests.appointments.booking import book
from tests.billing.sandbox import through_client
from tests.factories import UserFactory, member_with_patient, schedule_with_slots

GATEWAYS = {"sandbox": "billing.gateways.sandbox.SandboxGateway"}
HEADER = "kind,number,transaction,amount,currency,at,fee"


def open_bank(settings, monkeypatch):
    """Let members pay at Sandbox Bank; its door is Django's test client."""
    settings.PAYMENT_GATEWAYS = GATEWAYS
    settings.SANDBOX_URL = "http://testserver/sandbox"
    monkeypatch.setattr("medbook.outgoing.send", through_client)


def today():
    return clock.site_date(clock.now())


def tomorrow():
    """Return a moment at which today is over."""
    return clock.now() + timedelta(days=1)


def begin(schedule=None):
    """Begin to pay for a visit at the bank."""
    visit = book(member_with_patient(), schedule or schedule_with_slots(1))
    return start_payment(
        invoice_uid=Invoice.objects.get(subject=visit.subject).uid,
        member=visit.member,
        gateway="sandbox",
        return_url="http://testserver/back/",
        idempotency_key=uuid.uuid4().hex,
        by=visit.member.user,
        now=clock.now(),
    ).payment


def pay_there(payment):
    """Pay at the bank, which does not tell us."""
    there = SandboxPayment.objects.get(number=payment.number)
    said = {"behaviour": Behaviour.SILENT, "late_seconds": 60, "now": clock.now()}
    assert settle_payment(payment_uid=there.uid, **said)
    return payment


def paid(schedule=None):
    """Pay for a visit at the bank, and hear of it."""
    payment = pay_there(begin(schedule))
    return check_payment(payment_uid=payment.uid, now=clock.now())


def given_back(payment, amount="20.00"):
    """Give a part of a payment back through the bank."""
    refund = refund_payment(
        payment_uid=payment.uid,
        amount=Decimal(amount),
        key=uuid.uuid4().hex,
        by=UserFactory(is_staff=True),
        now=clock.now(),
    )
    send_refund(refund_uid=refund.uid, now=clock.now())
    refund.refresh_from_db()
    return refund


def row(number, amount="180.00", *, kind="payment", transaction=None, at=None, fee="1.08"):
    """Write a line of a statement as the bank would."""
    at = (at or clock.now()).isoformat()
    transaction = number if transaction is None else transaction
    return f"{kind},{number},{transaction},{amount},CNY,{at},{fee}"


def csv(*rows):
    return "\n".join((HEADER, *rows)).encode()


def imported(content=None, day=None):
    return import_statement(
        gateway="sandbox", day=day or today(), content=content, by=None, now=clock.now()
    )


def resolve(difference, resolution):
    return resolve_difference(
        uid=difference.uid,
        resolution=Resolution(resolution),
        by=UserFactory(is_staff=True),
        note="Checked with the bank",
        now=clock.now(),
    )


def close(settlement=None, now=None):
    settlement = settlement or Settlement.objects.get(day=today())
    return close_settlement(
        uid=settlement.uid, by=UserFactory(is_staff=True), now=now or tomorrow()
    )


def balance(account):
    return sum(Posting.objects.filter(account=account).values_list("amount", flat=True))
