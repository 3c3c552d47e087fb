"""How is a day at a gateway settled?"""

import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from billing.errors import (
    DayNotOver,
    DecidedLineGone,
    DifferencesOpen,
    GatewayAway,
    StillOpen,
    UnknownGateway,
    UnreadableStatement,
    WrongState,
)
from billing.models import Difference, JournalEntry, Payment, Quarantine, Settlement
from billing.sandbox.choices import GatewayState, RefundBehaviour
from billing.sandbox.selectors import console
from billing.selectors.settling import open_differences, unclosed_yesterday
from billing.services.settling import match_again
from billing.services.statements import import_due_statements, import_statement
from billing.tasks import fetch_statements
from medbook import clock
from medbook.audit.models import OperationLog
from tests.billing.statements import (
    balance,
    begin,
    close,
    csv,
    given_back,
    imported,
    open_bank,
    paid,
    pay_there,
    resolve,
    row,
    today,
    tomorrow,
)
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _bank(settings, monkeypatch):
    open_bank(settings, monkeypatch)


def kinds(settlement):
    return sorted(settlement.differences.filter(resolution="").values_list("kind", flat=True))


def only(settlement):
    return settlement.differences.get(resolution="")


def line_of(payment, amount=None, **said):
    transaction = payment.transaction or "T1"
    return row(payment.number, amount or f"{payment.amount:.2f}", transaction=transaction, **said)


def test_a_day_that_agrees_is_closed_and_paid_out():
    payment = paid()
    refund = given_back(payment, "20.00")

    settlement = imported()
    closed = close(settlement)

    assert kinds(settlement) == []
    assert (closed.payments_total, closed.refunds_total) == (Decimal(180), Decimal(20))
    assert (closed.fees_total, closed.net) == (Decimal("1.08"), Decimal("158.92"))
    assert (balance("sandbox"), balance("bank"), balance("gateway_fees")) == (
        0,
        Decimal("158.92"),
        Decimal("1.08"),
    )
    payment.refresh_from_db()
    refund.refresh_from_db()
    assert payment.settlement == refund.settlement == closed
    assert OperationLog.objects.filter(action="settlement.closed").get().facts["net"] == "158.92"


def test_a_day_without_money_is_closed_without_an_entry():
    imported(csv())

    assert close().entry is None


def test_every_planted_difference_is_found():
    paid()
    given_back(paid())
    bank = console()
    bank.changes_amount = bank.doubles_refund = bank.adds_unknown = True
    bank.save()
    assert kinds(imported()) == ["amount_differs", "missing_here", "twice"]

    paid()
    bank.leaves_out_latest, bank.doubles_refund = True, False
    bank.save()
    assert kinds(imported()) == ["amount_differs", "missing_here", "missing_there"]


def test_what_is_paid_there_and_under_way_here_is_taken_in():
    payment = pay_there(begin())
    settlement = imported()

    assert kinds(settlement) == ["state_differs"]
    resolve(only(settlement), "take_in")

    payment.refresh_from_db()
    assert (payment.state, payment.invoice.state) == ("captured", "paid")
    assert close(settlement).net == Decimal("178.92")
    assert balance("sandbox") == 0


def test_asking_the_gateway_takes_in_what_it_says():
    payment = pay_there(begin())
    settlement = imported()

    resolve(only(settlement), "ask")

    payment.refresh_from_db()
    assert payment.state == "captured"
    assert kinds(settlement) == []


def test_asking_settles_nothing_where_the_gateway_says_nothing_new():
    payment = begin()
    settlement = imported(csv(line_of(payment)))

    with pytest.raises(StillOpen):
        resolve(only(settlement), "ask")

    assert kinds(settlement) == ["state_differs"]


def test_a_refund_that_got_no_answer_is_taken_in():
    bank = console()
    bank.refund_behaviour, bank.late_seconds = RefundBehaviour.SILENT, 0
    bank.save()
    refund = given_back(paid())
    time.sleep(1.1)  # the bank keeps it to itself for a second
    settlement = imported()

    assert (refund.state, kinds(settlement)) == ("sent", ["state_differs"])
    resolve(only(settlement), "take_in")

    refund.refresh_from_db()
    assert refund.state == "succeeded"
    assert close(settlement).net == Decimal("158.92")


def test_money_that_nobody_knows_is_set_apart_and_owed():
    settlement = imported(csv(row("UNKNOWN1", "100.00")))

    resolve(only(settlement), "take_in")
    closed = close(settlement)

    assert Quarantine.objects.get().why == "unknown"
    assert (balance("sandbox"), balance("surplus")) == (0, Decimal(-100))
    assert closed.net == Decimal("98.92")


def test_a_refund_that_nobody_asked_for_is_written_off():
    settlement = imported(csv(row("UNKNOWN1", "30.00", kind="refund", fee="0.00")))

    with pytest.raises(WrongState):
        resolve(only(settlement), "take_in")
    resolve(only(settlement), "write_off")

    assert close(settlement).net == Decimal(-30)
    assert (balance("sandbox"), balance("write_off"), balance("bank")) == (0, 30, -30)


def test_what_the_gateway_does_not_have_is_reversed_by_a_further_entry():
    payment = paid()
    settlement = imported(csv())
    before = JournalEntry.objects.count()

    resolve(only(settlement), "reverse")
    close(settlement)

    assert JournalEntry.objects.count() == before + 1
    assert (balance("sandbox"), balance("write_off"), balance("bank")) == (0, 180, 0)
    payment.refresh_from_db()
    assert (payment.state, payment.settlement) == ("captured", settlement)


def test_another_amount_is_written_off():
    payment = paid()
    settlement = imported(csv(line_of(payment, "180.50")))

    resolve(only(settlement), "write_off")

    assert close(settlement).payments_total == Decimal("180.50")
    assert (balance("sandbox"), balance("write_off")) == (0, Decimal("-0.50"))


def test_what_was_paid_twice_is_set_apart_and_a_repeated_line_written_off():
    payment = paid()
    again = row(payment.number, transaction="T2")
    settlement = imported(csv(line_of(payment), again, row(payment.number, transaction="T2")))
    first, second = settlement.differences.order_by("line__number")

    resolve(first, "take_in")
    with pytest.raises(StillOpen):
        resolve(second, "take_in")  # it is the same payment once more
    resolve(second, "write_off")
    close(settlement)

    assert Quarantine.objects.get().why == "transaction"
    assert balance("sandbox") == 0
    assert (balance("surplus"), balance("write_off")) == (-180, -180)


def test_timing_is_carried_to_the_next_day_on_both_sides():
    late = paid()
    settlement = imported(csv(row("UNKNOWN1", "50.00")))
    for difference in settlement.differences.all():
        resolve(difference, "next_day")

    closed = close(settlement)

    following = Settlement.objects.get(day=today() + timedelta(days=1))
    assert (closed.net, closed.entry) == (0, None)
    assert following.lines.get().carried_from == closed.lines.get()
    assert kinds(following) == ["missing_here", "missing_there"]
    import_statement(
        gateway="sandbox",
        day=following.day,
        content=csv(line_of(late)),
        by=None,
        now=tomorrow(),
    )
    resolve(only(following), "write_off")
    assert close(following, now=tomorrow() + timedelta(days=1)).payments_total == Decimal(230)
    assert balance("sandbox") == 0


def test_an_earlier_movement_found_late_goes_into_the_next_day_that_is_open():
    imported(csv())
    close()
    payment = paid()  # after the close, with a time of that day
    following = today() + timedelta(days=1)

    settlement = import_statement(
        gateway="sandbox", day=following, content=csv(line_of(payment)), by=None, now=tomorrow()
    )

    assert kinds(settlement) == []
    assert close(settlement, now=tomorrow() + timedelta(days=1)).payments_total == 180


def test_a_day_waits_for_its_own_settlement():
    paid()
    following = today() + timedelta(days=1)

    settlement = import_statement(
        gateway="sandbox", day=following, content=csv(), by=None, now=tomorrow()
    )

    assert kinds(settlement) == []


def test_what_does_not_fit_is_refused():
    payment = paid()
    settlement = imported(csv(line_of(payment, "180.50")))

    for resolution in ("take_in", "ask", "reverse", "next_day"):
        with pytest.raises(WrongState):
            resolve(only(settlement), resolution)

    assert kinds(settlement) == ["amount_differs"]


def test_a_difference_is_decided_once():
    difference = only(imported(csv(row("UNKNOWN1"))))
    resolve(difference, "write_off")

    with pytest.raises(WrongState):
        resolve(difference, "write_off")

    assert JournalEntry.objects.filter(kind="write_off").count() == 1


def test_does_not_close_early_or_with_open_differences_or_twice():
    settlement = imported(csv(row("UNKNOWN1")))
    with pytest.raises(DifferencesOpen):
        close(settlement)
    resolve(only(settlement), "write_off")
    with pytest.raises(DayNotOver):
        close(settlement, now=clock.now())
    close(settlement)
    with pytest.raises(WrongState):
        close(settlement)
    with pytest.raises(WrongState):
        imported(csv())


def test_closing_sees_what_has_turned_up_since():
    settlement = imported(csv())
    paid()

    with pytest.raises(DifferencesOpen):
        close(settlement)

    assert kinds(settlement) == ["missing_there"]  # to be seen on the page


def test_importing_again_replaces_lines_and_keeps_decisions():
    payment = paid()
    unknown, wrong = row("UNKNOWN1"), line_of(payment, "180.50")
    settlement = imported(csv(unknown, wrong))
    resolve(settlement.differences.get(kind="missing_here"), "write_off")

    imported(csv(line_of(payment), unknown))

    assert kinds(settlement) == []
    assert list(settlement.lines.order_by("number").values_list("our_number", flat=True)) == [
        payment.number,
        "UNKNOWN1",
    ]
    with pytest.raises(DecidedLineGone):
        imported(csv(line_of(payment)))


def test_what_is_no_statement_of_the_day_is_refused():
    for content in (
        b"\xff",
        b"",
        csv("payment,N,T"),
        csv(row("N", "-1.00")),
        csv(row("N", "0.00")),
        csv(row("N", "NaN")),
        csv(row("N").replace("CNY", "USD")),
        csv(row("N" * 65)),
        csv(row("N", at=clock.now() - timedelta(days=3))),
        csv(row("N\x00")),
    ):
        with pytest.raises(UnreadableStatement):
            imported(content)

    assert not Settlement.objects.exists()


def test_a_gateway_that_is_away_or_off_and_a_day_to_come(settings):
    bank = console()
    bank.state = GatewayState.DOWN
    bank.save()
    with pytest.raises(GatewayAway):
        imported()
    with pytest.raises(DayNotOver):
        imported(day=today() + timedelta(days=1))
    assert import_due_statements(now=clock.now()) == 0
    settings.PAYMENT_GATEWAYS = {}
    with pytest.raises(UnknownGateway):
        imported()


def test_yesterdays_statements_are_fetched_once_and_the_home_says_what_is_open():
    payment = paid()
    boss = UserFactory(is_staff=True, is_superuser=True)
    now = tomorrow()
    assert "Sandbox Bank" in unclosed_yesterday(by=boss, now=now)

    Payment.objects.filter(pk=payment.pk).update(amount=170)
    assert (import_due_statements(now=now), import_due_statements(now=now)) == (1, 0)

    assert "1 difference" in open_differences(by=boss, now=now)
    assert open_differences(by=UserFactory(is_staff=True), now=now) is None
    fetch_statements()


FROZEN = {
    "settlement": "UPDATE billing_settlement SET net = net + 1, fees_total = fees_total - 1",
    "settlement gone": "DELETE FROM billing_settlement",
    "line": "UPDATE billing_statementline SET fee = 0",
    "line gone": "DELETE FROM billing_statementline WHERE payment_id IS NOT NULL",
    "line more": "INSERT INTO billing_statementline (settlement_id, number, kind, our_number,"
    " transaction, amount, currency, at, fee) SELECT settlement_id, 9, kind, our_number,"
    " transaction, amount, currency, at, fee FROM billing_statementline LIMIT 1",
    "difference": "UPDATE billing_difference SET note = ''",
    "payment": "UPDATE billing_payment SET amount = 1",
    "payment's time": "UPDATE billing_payment SET captured_at = now() + interval '1 day'",
    "payment's day": "UPDATE billing_payment SET settlement_id = NULL",
    "refund": "UPDATE billing_refund SET amount = 1",
    "refund's day": "UPDATE billing_refund SET settlement_id = NULL",
}
TABLES = ("settlement", "statementline", "difference", "payment", "refund")


@pytest.fixture
def closed():
    payment = paid()
    given_back(payment)
    refund = payment.refunds.get()
    settlement = imported(
        csv(
            line_of(payment),
            row(refund.number, "20.00", kind="refund", transaction=refund.transaction, fee="0.00"),
            row("UNKNOWN1"),
        )
    )
    resolve(only(settlement), "write_off")
    return close(settlement)


def run(statement):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.rowcount


@pytest.mark.usefixtures("closed")
def test_what_is_closed_is_frozen():
    for statement in FROZEN.values():
        with pytest.raises(DatabaseError, match=r"never changes|stays as it was"):
            run(statement)
    assert run("UPDATE billing_payment SET message = 'seen'") == 1


@pytest.mark.usefixtures("closed")
def test_without_the_triggers_it_would_change():
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    for table in TABLES:
        run(f"ALTER TABLE billing_{table} DISABLE TRIGGER USER")
    run("UPDATE billing_statementline SET payment_id = NULL, refund_id = NULL")

    changed = {name: run(sql) for name, sql in FROZEN.items() if "gone" not in name}

    assert 0 not in changed.values()


def test_matching_again_leaves_a_closed_day_alone(closed):
    match_again(uid=closed.uid)

    assert Difference.objects.get().resolution == "write_off"
