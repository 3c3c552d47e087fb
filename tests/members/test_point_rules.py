"""What are points worth, which go first, and when do they end?"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from members.rules.points import (
    Entry,
    Ledger,
    Part,
    expires_at,
    most_to_spend,
    to_earn,
    to_take_back,
    worth,
)

D = Decimal
SHANGHAI = "Asia/Shanghai"
MAY, JUNE, JULY = (datetime(2028, month, 1, tzinfo=UTC) for month in (5, 6, 7))


def earned(uid, amount, ends=None):
    return Entry(uid, amount, "earned", uid, ends)


def spent(reference, amount):
    return Entry(reference, -amount, "spent", reference)


def taken_back(reference, amount):
    return Entry(reference, -amount, "taken_back", reference)


def left(ledger):
    return [(lot.uid, lot.left) for lot in ledger.lots]


def test_an_empty_ledger_has_nothing():
    ledger = Ledger()

    assert (ledger.balance, ledger.spendable(MAY), ledger.expiring(MAY)) == (0, 0, [])
    assert ledger.taken_by("spent", "visit") == []


def test_spending_takes_what_expires_first_whatever_came_first():
    ledger = Ledger([earned("late", 50, JULY), earned("early", 50, JUNE), spent("visit", 70)])

    assert left(ledger) == [("late", 30)]
    assert ledger.taken_by("spent", "visit") == [Part(50, JUNE), Part(20, JULY)]


def test_of_points_that_expire_together_the_first_to_come_go_first():
    ledger = Ledger([earned("first", 50, JUNE), earned("second", 50, JUNE), spent("visit", 60)])

    assert left(ledger) == [("second", 40)]


def test_points_without_an_end_go_last():
    ledger = Ledger([earned("endless", 50), earned("ending", 50, JULY), spent("visit", 50)])

    assert left(ledger) == [("endless", 50)]
    assert ledger.expiring(MAY) == []


def test_an_expiry_takes_its_own_lot_only():
    expiry = Entry("x", -50, "expired", "second")
    ledger = Ledger([earned("first", 50, JUNE), earned("second", 50, JUNE), expiry])

    assert left(ledger) == [("first", 50)]


def test_what_is_taken_back_beyond_all_points_is_settled_by_the_next():
    overdrawn = Ledger([earned("visit", 30, JUNE), taken_back("refund", 80)])
    assert (overdrawn.balance, overdrawn.spendable(MAY)) == (-50, 0)

    overdrawn.add(earned("small", 20, JUNE))
    assert (overdrawn.balance, overdrawn.lots) == (-30, [])

    overdrawn.add(earned("exact", 30, JUNE))
    assert (overdrawn.balance, overdrawn.lots) == (0, [])

    overdrawn.add(earned("more", 10, JUNE))
    assert (overdrawn.balance, overdrawn.spendable(MAY)) == (10, 10)


@pytest.mark.parametrize(
    ("seconds", "spendable", "expired"), [(-1, 80, []), (0, 30, ["a"]), (1, 30, ["a"])]
)
def test_points_can_be_spent_until_the_instant_of_their_end(seconds, spendable, expired):
    ledger = Ledger([earned("a", 50, JUNE), earned("b", 30, JULY)])
    now = JUNE + timedelta(seconds=seconds)

    assert ledger.spendable(now) == spendable
    assert [lot.uid for lot in ledger.expired(now)] == expired


def test_tells_what_expires_when_the_next_first():
    entries = [earned("a", 50, JULY), earned("b", 30, JUNE), earned("c", 7, JULY)]

    assert Ledger(entries).expiring(MAY) == [Part(30, JUNE), Part(57, JULY)]
    assert Ledger(entries).expiring(JUNE) == [Part(57, JULY)]


@pytest.mark.parametrize(
    ("came_at", "ends_at"),
    [
        ("2026-01-15T10:00+08:00", "2028-01-16T00:00+08:00"),
        ("2026-01-15T00:00+08:00", "2028-01-16T00:00+08:00"),
        ("2026-01-15T23:59:59+08:00", "2028-01-16T00:00+08:00"),
        ("2026-01-14T16:30+00:00", "2028-01-16T00:00+08:00"),  # the 15th in Shanghai
        ("2028-02-29T10:00+08:00", "2030-03-01T00:00+08:00"),  # no 29th: through the 28th
        ("2026-02-28T10:00+08:00", "2028-02-29T00:00+08:00"),
        ("2026-12-31T10:00+08:00", "2029-01-01T00:00+08:00"),
    ],
)
def test_points_hold_through_the_same_day_24_months_later(came_at, ends_at):
    found = expires_at(datetime.fromisoformat(came_at), SHANGHAI)

    assert found == datetime.fromisoformat(ends_at)


@pytest.mark.parametrize(
    ("points", "money"), [(0, "0"), (1, "0.01"), (100, "1"), (12345, "123.45")]
)
def test_a_hundred_points_are_worth_one(points, money):
    assert worth(points) == D(money)


@pytest.mark.parametrize(
    ("price", "spendable", "most"),
    [
        ("162.00", 10_000, 3240),
        ("162.00", 3240, 3240),
        ("162.00", 3239, 3239),
        ("0.04", 100, 0),  # a fifth is less than a cent
        ("0.05", 100, 1),
        ("0.09", 100, 1),
        ("0.00", 100, 0),
        ("162.00", 0, 0),
        ("162.00", -5, 0),
    ],
)
def test_points_pay_a_fifth_of_the_price_at_most(price, spendable, most):
    assert most_to_spend(D(price), spendable) == most


@pytest.mark.parametrize(
    ("paid", "rate", "points"),
    [("162.00", "1", 162), ("99.99", "1", 99), ("10.00", "1.5", 15), ("0.99", "1", 0)],
)
def test_a_payment_earns_whole_points(paid, rate, points):
    assert to_earn(D(paid), D(rate)) == points


@pytest.mark.parametrize(
    ("before", "refunded", "points"),
    [("0", "100", 150), ("0", "50", 75), ("0", "0.01", 1), ("0", "0", 0), ("99.99", "0.01", 0)],
)
def test_a_refund_takes_back_its_share(before, refunded, points):
    found = to_take_back(earned=150, paid=D(100), refunded_before=D(before), refunded=D(refunded))

    assert found == points


@given(
    earned=st.integers(0, 5000),
    shares=st.lists(st.decimals("0.01", 50, places=2), min_size=1, max_size=6),
)
def test_refunds_of_all_take_back_all_that_was_earned(earned, shares):
    paid, before, taken = sum(shares), D(0), 0

    for share in shares:
        taken += to_take_back(earned=earned, paid=paid, refunded_before=before, refunded=share)
        before += share

    assert taken == earned


@pytest.mark.parametrize(
    ("paid", "before", "refunded"), [(100, 50, 51), (100, 0, -1), (100, -1, 1), (0, 0, 0)]
)
def test_refuses_refunds_that_cannot_be(paid, before, refunded):
    with pytest.raises(ValueError, match="within"):
        to_take_back(earned=10, paid=D(paid), refunded_before=D(before), refunded=D(refunded))
