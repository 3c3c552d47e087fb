"""Whom does Sandbox Bank believe, and what does it answer?"""

import json

import pytest
from django.conf import settings
from django.test import Client

from billing.sandbox import api
from billing.sandbox.choices import GatewayState
from billing.sandbox.models import SandboxPayment
from billing.sandbox.selectors import console
from medbook import clock
from medbook.encryption import signing

pytestmark = pytest.mark.django_db
PATH = "/sandbox/api/payments/"
NONCE = "0123456789abcdef"
BODY = {
    "number": "P1",
    "amount": "162.00",
    "currency": "CNY",
    "title": "City Clinic",
    "return_url": "http://testserver/back/",
    "notify_url": "http://testserver/notified/",
    "expires_at": "2030-01-01T00:00:00+00:00",
}
REFUND = {"number": "R1", "payment_number": "P1", "amount": "1.00", "currency": "CNY"}
REFUND["notify_url"] = BODY["notify_url"]


def ask(body, *, path=PATH, signed=None, age=0, key=None, method="POST"):
    """Send a body, signed as the merchant would or in some other way."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    stamp = str(int(clock.now().timestamp()) - age)
    message = f"{method}\n{signed or path}\n{stamp}\n{NONCE}\n".encode() + raw
    headers = {
        "Sandbox-Timestamp": stamp,
        "Sandbox-Nonce": NONCE,
        "Sandbox-Signature": signing.sign(message, key or settings.SANDBOX_MERCHANT_KEY),
    }
    return Client().generic(method, path, raw, "application/json", headers=headers)


@pytest.mark.parametrize("age", [-299, 299])
def test_opens_a_payment_and_signs_the_answer(age):
    answer = ask(BODY, age=age)

    payment = SandboxPayment.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "number": "P1",
        "state": "pending",
        "pay_url": f"http://testserver/sandbox/pay/{payment.uid}/",
        "transaction": "",
        "amount": "162.00",
        "currency": "CNY",
        "paid_at": None,
        "message": "",
    }
    assert answer["Sandbox-Nonce"] == NONCE
    head = f"{answer['Sandbox-Timestamp']}\n{NONCE}\n".encode()
    public = signing.public_key(settings.SANDBOX_GATEWAY_KEY)
    assert signing.is_signed(head + answer.content, answer["Sandbox-Signature"], public)


@pytest.mark.parametrize(
    "how",
    [
        {"age": 302},
        {"age": -302},
        {"key": bytes(32)},
        {"signed": "/sandbox/api/refunds/"},
        {"method": "GET", "path": f"{PATH}P1/", "signed": f"{PATH}P2/"},
    ],
)
def test_believes_only_what_the_merchant_signed_lately(how):
    answer = ask(BODY, **how)

    assert (answer.status_code, answer.json()) == (401, {"code": "forged"})
    assert not SandboxPayment.objects.exists()


def test_does_not_believe_what_is_unsigned_or_changed_on_the_way():
    changed = Client().post(PATH, b"{}", "application/json", headers={"Sandbox-Nonce": NONCE})

    assert Client().post(PATH).status_code == changed.status_code == 401


def test_one_number_is_one_payment():
    first, second, other = ask(BODY), ask(BODY), ask({**BODY, "amount": "162.01"})

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert (other.status_code, other.json()) == (409, {"code": "number_reused"})


AMOUNTS = ["-1.00", "0.00", "0.001", "1", "1e3", "NaN", "100000000.00", "１.00", 1.5, 162, None, ""]
NONSENSE = [{"amount": amount} for amount in AMOUNTS] + [
    {"currency": "USD"},
    {"number": "P 1"},
    {"number": "P" * 33},
    {"title": "a\x00b"},
    {"title": "\ud800"},
    {"return_url": "javascript:alert(1)"},
    {"return_url": "//elsewhere.example/"},
    {"notify_url": "file:///etc/passwd"},
    {"notify_url": "http://testserver:99999/"},
    {"notify_url": "http://testserver/\r\nX: 1"},
    {"expires_at": "2030-01-01T00:00:00"},
    {"expires_at": "9999-12-31T23:59:59-12:00"},
    {"expires_at": "tomorrow"},
    {"further": "1"},
]


@pytest.mark.parametrize("wrong", NONSENSE, ids=str)
def test_nonsense_is_refused(wrong):
    answer = ask({**BODY, **wrong})

    assert (answer.status_code, answer.json()) == (422, {"code": "invalid"})
    assert not SandboxPayment.objects.exists()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 99_999, b'{"amount": NaN}'])
def test_what_is_no_json_object_is_refused(body):
    assert ask(body).status_code == 422


def test_money_that_did_not_come_in_does_not_go_back():
    refunds = "/sandbox/api/refunds/"

    unknown = ask(REFUND, path=refunds)
    ask(BODY)
    unpaid = ask(REFUND, path=refunds)

    assert unknown.status_code == unpaid.status_code == 409
    assert unknown.json() == unpaid.json() == {"code": "not_paid"}


@pytest.mark.parametrize(("day", "status"), [("2026-11-24", 200), ("2026-13-01", 422)])
def test_a_statement_is_of_a_day_of_the_calendar(day, status):
    assert ask(b"", path=f"/sandbox/api/statements/{day}/", method="GET").status_code == status
    assert Client().get(f"/sandbox/statements/{day}.csv").status_code == (
        200 if status == 200 else 404
    )


def test_can_be_down_and_slow(monkeypatch):
    slept = []
    monkeypatch.setattr(api, "pause", slept.append)
    bank = console()

    bank.state = GatewayState.DOWN
    bank.save()
    assert ask(BODY).status_code == 503

    bank.state = GatewayState.SLOW
    bank.save()
    assert ask(BODY).status_code == 201
    assert slept == [10]
