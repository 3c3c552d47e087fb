"""Does MedBook understand Sandbox Bank, and believe nobody else?"""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.client import BadStatusLine

import pytest
import time_machine
from django.conf import settings
from django.test import Client

from billing.gateways import registry
from billing.gateways.base import (
    Event,
    Forged,
    GatewayAway,
    GatewayRefused,
    Notification,
    Outcome,
    PaymentNews,
    RefundNews,
    StatementUnreadable,
)
from billing.gateways.sandbox import SandboxGateway
from billing.sandbox.choices import GatewayState, RefundBehaviour
from billing.sandbox.postman import deliver_due
from billing.sandbox.selectors import console
from medbook import clock
from medbook.encryption import signing
from medbook.outgoing import Answer
from tests.billing.sandbox import Merchant, order, refund_order, through_client

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)
DAY = date(2026, 11, 24)


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def gateway():
    return SandboxGateway(through_client)


def set_console(**said):
    bank = console()
    for name, value in said.items():
        setattr(bank, name, value)
    bank.save()


def pay(way, **said):
    return Client().post(way.redirect_url, {"behaviour": "normal", **said})


@pytest.fixture
def paid(gateway):
    pay(gateway.create(order()))


def notified(**said):
    """Sign a notification as the bank does."""
    body = {"id": "e1", "event": "payment.succeeded", "number": "P1", "state": "paid", **said}
    body = json.dumps({"transaction": "T", "amount": "1.00", "currency": "CNY", **body}).encode()
    stamp = str(int(clock.now().timestamp()))
    signature = signing.sign(f"{stamp}\nab\n".encode() + body, settings.SANDBOX_GATEWAY_KEY)
    headers = {"sandbox-timestamp": stamp, "sandbox-nonce": "ab", "sandbox-signature": signature}
    return Notification(headers, body)


def test_a_payment_is_opened_paid_asked_for_and_told(gateway):
    way = gateway.create(order())
    assert gateway.create(order()) == way
    assert gateway.query("P1").outcome == Outcome.PENDING

    pay(way)

    news = gateway.query("P1")
    assert news == PaymentNews(
        "P1", Outcome.SUCCEEDED, news.transaction, Decimal("162.00"), "CNY", NOON
    )
    assert len(news.transaction) == 32
    merchant = Merchant()
    assert deliver_due(NOON, merchant) == 1
    [heard] = merchant.heard
    event = gateway.verify(Notification(*heard))
    assert (len(event.id), event.news) == (32, news)
    assert gateway.acknowledge().status == 200


def test_a_closed_payment_takes_no_money_and_a_paid_one_stays_paid(gateway):
    closed, paid = gateway.create(order()), gateway.create(order("P2"))
    pay(paid)

    gateway.close("P1")
    gateway.close("P2")
    gateway.close("nobodys")
    pay(closed)

    assert gateway.query("P1").outcome == Outcome.FAILED
    assert gateway.query("P2").outcome == Outcome.SUCCEEDED
    assert gateway.query("nobodys") == PaymentNews("nobodys", Outcome.UNKNOWN)


def test_money_goes_back_once_and_never_more_than_came(gateway, paid):
    first = gateway.refund(refund_order(amount="100.00"))
    again = gateway.refund(refund_order(amount="100.00"))

    assert first == again == gateway.query_refund("R1", "P1")
    assert (first.outcome, first.amount, first.at) == (Outcome.SUCCEEDED, Decimal(100), NOON)
    with pytest.raises(GatewayRefused, match="exceeds_payment"):
        gateway.refund(refund_order("R2", "62.01"))
    with pytest.raises(GatewayRefused, match="number_reused"):
        gateway.refund(refund_order(amount="99.00"))
    assert gateway.refund(refund_order("R2", "62.00")).outcome == Outcome.SUCCEEDED
    assert gateway.query_refund("R3", "P1") == RefundNews("R3", Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("behaviour", "at_once", "told", "later"),
    [
        (RefundBehaviour.NORMAL, "succeeded", ["refund.succeeded"], "succeeded"),
        (RefundBehaviour.LATE, "pending", ["refund.succeeded"], "succeeded"),
        (RefundBehaviour.FAIL, "failed", ["refund.failed"], "failed"),
        (RefundBehaviour.SILENT, "pending", [], "succeeded"),
    ],
)
def test_a_refund_goes_as_the_console_says(gateway, paid, behaviour, at_once, told, later):
    deliver_due(NOON, Merchant())
    set_console(refund_behaviour=behaviour, late_seconds=60)

    assert gateway.refund(refund_order()).outcome == at_once

    merchant = Merchant()
    with time_machine.travel(NOON + timedelta(seconds=60), tick=False):
        deliver_due(clock.now(), merchant)
        assert gateway.query_refund("R1", "P1").outcome == later
        events = [gateway.verify(Notification(*heard)) for heard in merchant.heard]
    assert [json.loads(body)["event"] for _headers, body in merchant.heard] == told
    assert all(event.news.outcome == later for event in events)


def test_a_failed_refund_leaves_the_money_to_be_given_back(gateway, paid):
    set_console(refund_behaviour=RefundBehaviour.FAIL)
    gateway.refund(refund_order())
    set_console(refund_behaviour=RefundBehaviour.NORMAL)

    assert gateway.refund(refund_order("R2")).outcome == Outcome.SUCCEEDED


def test_nonsense_is_refused_by_the_bank(gateway):
    with pytest.raises(GatewayRefused, match="invalid"):
        gateway.create(order(currency="USD"))


def altered(change):
    def send(*request):
        return change(through_client(*request))

    return send


def failing(error):
    def send(*_request):
        raise error

    return send


@pytest.mark.parametrize(
    "send",
    [
        failing(TimeoutError()),
        failing(ConnectionRefusedError()),
        failing(BadStatusLine("?")),
        altered(lambda answer: Answer(500, {}, b"")),
        altered(lambda answer: Answer(answer.status, {}, answer.body)),
        altered(lambda answer: Answer(200, answer.headers, answer.body + b" ")),
        altered(lambda answer: Answer(200, {**answer.headers, "sandbox-nonce": "ab"}, answer.body)),
    ],
)
def test_without_a_signed_answer_the_outcome_is_unknown(gateway, send):
    gateway.create(order())

    with pytest.raises(GatewayAway):
        SandboxGateway(send).query("P1")


def test_an_older_answer_of_the_bank_is_none(gateway):
    gateway.create(order())
    answers = []
    SandboxGateway(altered(lambda answer: answers.append(answer) or answer)).query("P1")

    with pytest.raises(GatewayAway):
        SandboxGateway(lambda *_request: answers[0]).query("P1")


def test_a_bank_that_is_down_is_away(gateway):
    set_console(state=GatewayState.DOWN)

    with pytest.raises(GatewayAway):
        gateway.create(order())


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_notification_is_believed_for_five_minutes(gateway, seconds):
    said = notified(event="something.new")
    with time_machine.travel(NOON + timedelta(seconds=seconds), tick=False):
        assert gateway.verify(said) == Event("e1", None)
    later = NOON + timedelta(seconds=seconds * 1.01)
    with time_machine.travel(later, tick=False), pytest.raises(Forged):
        gateway.verify(said)


def test_a_notification_of_anybody_else_is_forged(gateway):
    said = notified()
    headers = {**said.headers, "sandbox-signature": "x"}
    for forged in (
        Notification(said.headers, said.body + b" "),
        Notification({**said.headers, "sandbox-nonce": "ac"}, said.body),
        Notification({**said.headers, "sandbox-timestamp": "9" * 5000}, said.body),
        Notification(headers, said.body),
        Notification({}, said.body),
    ):
        with pytest.raises(Forged):
            gateway.verify(forged)


def test_a_statement_is_the_same_by_both_ways(gateway, paid):
    gateway.refund(refund_order(amount="62.00"))

    lines = gateway.statement(DAY)

    assert [(line.kind, line.number, line.amount, line.fee) for line in lines] == [
        ("payment", "P1", Decimal(162), Decimal("0.97")),
        ("refund", "R1", Decimal(62), Decimal(0)),
    ]
    file = Client().get(f"/sandbox/statements/{DAY}.csv").content
    assert gateway.read_statement(file) == lines
    assert gateway.read_statement(b"\xef\xbb\xbf" + file) == lines
    assert gateway.statement(DAY - timedelta(days=1)) == []


def test_a_statement_begins_at_midnight_of_the_site(gateway):
    way = gateway.create(order(expires_at=NOON + timedelta(days=9)))
    midnight = datetime(2026, 11, 24, 16, tzinfo=UTC)
    with time_machine.travel(midnight, tick=False):
        pay(way)
        days = [len(gateway.statement(DAY + timedelta(days))) for days in (0, 1)]

    assert days == [0, 1]


def test_a_statement_differs_as_the_console_says(gateway, paid):
    gateway.refund(refund_order(amount="62.00"))

    set_console(changes_amount=True, doubles_refund=True, adds_unknown=True)
    told = [(line.number, str(line.amount)) for line in gateway.statement(DAY)]
    set_console(changes_amount=False, adds_unknown=False, leaves_out_latest=True)
    fewer = [line.number for line in gateway.statement(DAY)]

    refunds = [("R1", "62.00")] * 2
    assert told == [("P1", "162.50"), *refunds, ("UNKNOWN20261124", "100.00")]
    assert fewer == ["P1"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b"\xff", 0),
        (b"a,b\n", 1),
        (b"HEAD\npayment,P1\n", 2),
        (b"HEAD\npayment,P1,T,1.00,CNY,2026-11-24T00:00:00+00:00,0.00\ngift,,,,,,\n", 3),
        (b"HEAD\npayment,P1,T,1.0,CNY,2026-11-24T00:00:00+00:00,0.00\n", 2),
        (b"HEAD\npayment,P1,T,1.00,CNY,2026-11-24T00:00:00,0.00\n", 2),
        (b'HEAD\n"payment,P1\n', 0),
    ],
)
def test_a_statement_of_another_kind_is_unreadable(gateway, content, line):
    head = b"kind,number,transaction,amount,currency,at,fee"

    with pytest.raises(StatementUnreadable) as failure:
        gateway.read_statement(content.replace(b"HEAD", head))

    assert failure.value.line == line


def test_the_settings_name_the_gateways(settings):
    settings.PAYMENT_GATEWAYS = {"sandbox": "billing.gateways.sandbox.SandboxGateway"}
    assert registry.enabled() == ["sandbox"]
    assert isinstance(registry.gateway_of("sandbox"), SandboxGateway)
    settings.PAYMENT_GATEWAYS = {}
    with pytest.raises(LookupError):
        registry.gateway_of("sandbox")
