"""What does a payer see at Sandbox Bank, and what does the merchant hear of it?"""

import json
from datetime import UTC, datetime, timedelta
from threading import Barrier
from types import SimpleNamespace

import pytest
import time_machine
from django.test import Client

from billing.gateways.base import Forged, Notification
from billing.gateways.sandbox import SandboxGateway
from billing.sandbox import services
from billing.sandbox.models import SandboxNotification, SandboxPayment
from billing.sandbox.postman import deliver_due
from billing.sandbox.selectors import console
from medbook import clock
from tests.billing.sandbox import Merchant, order, through_client
from tests.racing import together

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def gateway():
    return SandboxGateway(through_client)


@pytest.fixture
def page(gateway):
    return gateway.create(order()).redirect_url


def after(seconds):
    return time_machine.travel(NOON + timedelta(seconds=seconds), tick=False)


def heard_within(gateway, seconds):
    """Deliver for a while; return when the merchant heard what, and what it made of it."""
    heard = []
    for second in range(seconds + 1):
        with after(second):
            merchant = Merchant()
            deliver_due(clock.now(), merchant)
            for headers, body in merchant.heard:
                try:
                    gateway.verify(Notification(headers, body))
                    event = json.loads(body)["event"]
                except Forged:
                    event = "forged"
                heard.append((second, event))
    return heard


def test_asks_for_the_money_and_leads_back(client, page):
    asked = client.get(page)
    done = client.post(page, {"behaviour": "normal"})

    assert "City Clinic" in asked.text
    assert "Pay ¥162.00" in asked.text
    assert "Sandbox Bank – no real money" in asked.text
    assert 'content="0;url=http://testserver/back/"' in done.text
    assert '<a class="button" href="http://testserver/back/">' in done.text


SUCCEEDED, FAILED = "payment.succeeded", "payment.failed"


@pytest.mark.parametrize(
    ("said", "heard", "at_once", "later"),
    [
        ({"behaviour": "normal"}, [(0, SUCCEEDED)], "succeeded", "162.00"),
        ({}, [(0, SUCCEEDED)], "succeeded", "162.00"),
        ({"behaviour": "late", "late_seconds": "7"}, [(7, SUCCEEDED)], "pending", "162.00"),
        ({"behaviour": "double"}, [(0, SUCCEEDED), (0, SUCCEEDED)], "succeeded", "162.00"),
        ({"behaviour": "reordered"}, [(0, SUCCEEDED), (1, FAILED)], "succeeded", "162.00"),
        ({"behaviour": "wrong_amount"}, [(0, SUCCEEDED)], "succeeded", "163.00"),
        ({"behaviour": "forged"}, [(0, "forged"), (5, SUCCEEDED)], "succeeded", "162.00"),
        ({"behaviour": "silent"}, [], "succeeded", "162.00"),
        ({"behaviour": "declined"}, [(0, FAILED)], "failed", "162.00"),
        ({"behaviour": "normal", "decline": "1"}, [(0, FAILED)], "failed", "162.00"),
    ],
)
def test_behaves_as_the_payer_chooses(client, gateway, page, said, heard, at_once, later):
    client.post(page, said)

    assert gateway.query("P1").outcome == at_once
    assert heard_within(gateway, 10) == heard
    with after(10):
        assert str(gateway.query("P1").amount) == later
        if at_once != "failed":
            assert [str(line.amount) for line in gateway.statement(NOON.date())] == [later]


def test_what_arrives_late_happened_earlier(client, gateway, page):
    client.post(page, {"behaviour": "reordered"})

    rows = [json.loads(each.body) for each in SandboxNotification.objects.order_by("due_at")]

    assert [datetime.fromisoformat(row["at"]) - NOON for row in rows] == [
        timedelta(0),
        timedelta(minutes=-1),
    ]
    assert rows[0]["id"] != rows[1]["id"]


def test_the_console_says_how_the_bank_behaves_by_default(client, gateway, page):
    form = {"state": "up", "payment_behaviour": "declined", "refund_behaviour": "late"}
    form["claim_behaviour"] = "accept"
    wrong = client.post("/sandbox/", {**form, "late_seconds": "0"})
    saved = client.post("/sandbox/", {**form, "late_seconds": "5", "doubles_refund": "on"})
    client.post(page)

    assert (wrong.status_code, saved.status_code) == (422, 302)
    assert (console().refund_behaviour, console().doubles_refund) == ("late", True)
    assert gateway.query("P1").outcome == "failed"


@pytest.mark.parametrize("said", [{"behaviour": "generous"}, {"late_seconds": "-1"}])
def test_an_answer_that_is_none_charges_nothing(client, gateway, page, said):
    assert client.post(page, said).status_code == 422
    assert gateway.query("P1").outcome == "pending"


@pytest.mark.parametrize(("seconds", "outcome"), [(899, "succeeded"), (900, "pending")])
def test_an_expired_payment_takes_no_money(client, gateway, page, seconds, outcome):
    with after(seconds):
        answer = client.post(page, {"behaviour": "normal"})
        assert gateway.query("P1").outcome == outcome

    assert ("Nothing was charged." in answer.text) == (outcome == "pending")
    assert ("refresh" in answer.text) == (outcome == "succeeded")


def test_a_closed_payment_takes_no_money(client, gateway, page):
    gateway.close("P1")

    answer = client.post(page, {"behaviour": "normal"})

    assert "This payment was closed" in answer.text
    assert not SandboxNotification.objects.exists()


def test_the_number_opens_no_page(client, page):
    assert client.get("/sandbox/pay/P1/").status_code == 404
    assert client.get("/sandbox/pay/00000000-0000-4000-8000-000000000000/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_two_tabs_charge_once(page):
    together(*[lambda: Client().post(page, {"behaviour": "normal"})] * 4)

    assert SandboxPayment.objects.get().state == "paid"
    assert SandboxNotification.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_two_tabs_would_charge_twice(page, monkeypatch):
    both = Barrier(2)
    meeting = SimpleNamespace(token_hex=lambda _size: str(both.wait(10)))
    monkeypatch.setattr(services, "secrets", meeting)
    monkeypatch.setattr("django.db.models.QuerySet.select_for_update", lambda rows, **_: rows)

    together(*[lambda: Client().post(page, {"behaviour": "normal"})] * 2)

    assert SandboxNotification.objects.count() == 2


def test_speaks_chinese_to_whoever_reads_it(client, page):
    assert 'lang="zh-hans"' in client.get(page, headers={"Accept-Language": "zh-CN"}).text


def test_tries_again_later_and_later_for_a_day(client, page):
    client.post(page, {"behaviour": "normal"})
    tried, now = [], NOON

    while (row := SandboxNotification.objects.get()).due_at:
        now = row.due_at
        assert deliver_due(now - timedelta(seconds=1), Merchant()) == 0
        answers = (500, OSError(), 302, 404)
        deliver_due(now, Merchant(answers[len(tried) % 4]))
        tried.append((now - NOON).total_seconds())

    assert tried[:8] == [0, 2, 7, 22, 82, 382, 1282, 2182]
    assert timedelta(hours=23) < now - NOON <= timedelta(hours=24)
    assert row.delivered_at is None


def test_what_is_acknowledged_is_sent_again_only_when_asked(client, page):
    client.post(page, {"behaviour": "normal"})
    row = SandboxNotification.objects.get()
    merchant = Merchant(500, 200)
    for seconds in (0, 1, 2, 3, 60):
        deliver_due(NOON + timedelta(seconds=seconds), merchant)
    assert len(merchant.heard) == 2

    client.post(f"/sandbox/notifications/{row.uid}/")
    deliver_due(NOON, merchant)

    assert len({body for _headers, body in merchant.heard}) == 1
    assert len(merchant.heard) == 3
    assert "Attempts: 1" in client.get("/sandbox/").text
