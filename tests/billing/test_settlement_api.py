"""How do programs of finance read and close the days at gateways?"""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.models import Settlement
from medbook import clock
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.billing.statements import csv, imported, open_bank, paid, resolve, row, today
from tests.billing.test_refunds_admin import staff_with

pytestmark = pytest.mark.django_db
LIST = f"{ROOT}admin/settlements/"


@pytest.fixture(autouse=True)
def _bank(settings, monkeypatch):
    open_bank(settings, monkeypatch)


@pytest.fixture
def yesterday():
    """Return a day with a payment of ours, which agrees, and a line that we do not know."""
    day, at = today() - timedelta(days=1), clock.now() - timedelta(days=1)
    payment = paid()
    type(payment).objects.update(captured_at=at)
    line = row(payment.number, transaction=payment.transaction, at=at)
    return imported(csv(line, row("UNKNOWN1", "99.00", at=at)), day=day)


def test_days_are_listed_by_what_is_asked_for(yesterday):
    imported(csv())
    finance = caller(staff_with("view_settlement"))

    def listed(**asked):
        return [each["day"] for each in finance.get(LIST, asked).json()["results"]]

    assert listed() == [str(today()), str(yesterday.day)]
    assert listed(to=yesterday.day) == [str(yesterday.day)]
    assert listed(**{"from": today()}) == [str(today())]
    assert listed(gateway="alipay") == listed(state="closed") == []
    first = finance.get(LIST, {"page_size": 1}).json()
    assert finance.get(first["next"]).json()["results"][0]["open_differences"] == 1
    assert wrong_fields(finance.get(LIST, {"gateway": "no"})) == {"gateway": "invalid_choice"}


def test_a_day_is_read_and_closed_once_all_is_decided(yesterday):
    address = f"{LIST}{yesterday.uid}/"
    reader, finance = caller(staff_with("view_settlement")), caller(staff_with("settle"))

    day = reader.get(address).json()
    too_early = finance.post(f"{address}close/", {})
    resolve(yesterday.differences.get(), "next_day")
    by_reader = reader.post(f"{address}close/", {})
    closed = finance.post(f"{address}close/", {})

    assert day["ours"] == {"payments": "180.00", "refunds": "0.00", "gross": "180.00"}
    assert (day["theirs"]["gross"], day["theirs"]["net"]) == ("279.00", "276.84")
    [difference] = day["differences"]
    assert (difference["kind"], difference["movement"]) == ("missing_here", "payment")
    assert (difference["ours"], difference["theirs"]) == (None, "99.00")
    assert (difference["our_number"], difference["resolution"]) == ("UNKNOWN1", "")
    assert refusal(too_early) == (409, "differences_open")
    assert refusal(by_reader) == (403, "permission_denied")
    assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    assert closed.json()["differences"][0]["resolution"] == "next_day"
    assert closed.json()["theirs"]["net"] == "178.92"
    assert Settlement.objects.get(pk=yesterday.pk).net == Decimal("178.92")
    assert refusal(finance.post(f"{address}close/", {})) == (409, "wrong_state")
