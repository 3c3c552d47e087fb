"""Do the report on money, the journal and the settlements say the same to the cent?"""

import io
from datetime import timedelta
from decimal import Decimal

import openpyxl
import pytest
from django.db import connection

from billing.choices import DifferenceKind
from billing.models import Payment
from billing.selectors.settling import ours, theirs
from billing.services.payments import check_payment
from billing.services.settling import match_again
from billing.services.statements import import_statement
from medbook import clock
from medbook.audit.models import OperationLog
from reports.selectors.revenue import revenue
from tests.appointments.booking import book, pay
from tests.billing.statements import (
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
from tests.billing.test_refunds_admin import staff_with
from tests.factories import member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db
PAGE = "/admin/reports/revenue/"


@pytest.fixture(autouse=True)
def _bank(settings, monkeypatch):
    open_bank(settings, monkeypatch)


@pytest.fixture
def world():
    """Two doctors; the bank took ¥360 and gave ¥20.50 back, the desk took ¥180."""
    schedule = schedule_with_slots(3)
    given_back(paid(schedule), "20.50")
    pay(book(member_with_patient(), schedule))
    paid()
    return schedule


def found():
    return revenue(today(), today())


def bank(day=None):
    """Read the check of Sandbox Bank, of one day."""
    day = day or today()
    return next(check for check in revenue(day, day).checks if check.gateway == "sandbox")


def test_sums_up_by_department_and_doctor(world):
    rows = {row.doctor: row.figures for row in found().rows}

    assert len(rows) == 2
    mine = rows[world.doctor]
    assert (mine.visits, mine.fees, mine.paid_in, mine.refunded) == (2, 360, 360, Decimal("20.50"))
    total = found().total
    assert (total.visits, total.net) == (3, Decimal("519.50"))
    assert total.fees - total.discounts - total.points - total.insured == total.paid_in


@pytest.mark.usefixtures("world")
def test_report_journal_and_settlement_of_a_day_are_the_same():
    before = bank()
    settlement = close(imported())
    after = {check.gateway: check for check in found().checks}

    net = Decimal("339.50")
    assert (before.elsewhere, before.closed) == (net, 0)
    assert bank().report == bank().journal == bank().closed == theirs(settlement).gross == net
    assert ours("sandbox", today(), today())[today()].gross == net
    assert after["desk_cash"].report == after["desk_cash"].journal == 180
    assert found().agrees


def test_decided_differences_and_money_left_to_the_next_day_are_shown(client):
    client.force_login(staff_with("view_reports"))
    less = pay_there(begin())
    check_payment(payment_uid=less.uid, now=clock.now())
    settlement = imported(csv(row(less.number, "179.00"), row("UNKNOWN1", "100.00")))
    paid()  # after the statement: it goes into the next day
    match_again(uid=settlement.uid)
    for difference in settlement.differences.all():
        is_late = difference.kind == DifferenceKind.MISSING_THERE
        resolve(difference, "next_day" if is_late else "write_off")
    close(settlement)
    following = import_statement(
        gateway="sandbox",
        day=today() + timedelta(days=1),
        content=csv(row(Payment.objects.latest("id").number)),
        by=None,
        now=tomorrow(),
    )
    close(following, now=tomorrow() + timedelta(days=1))

    check = bank()
    assert check.report == check.journal == 360
    assert (check.elsewhere, check.other_days, check.decided) == (180, 0, 99)
    assert check.closed == 279
    assert found().agrees
    next_day = bank(following.day)
    assert (next_day.report, next_day.other_days, next_day.closed) == (0, 180, 180)
    assert next_day.agrees
    both = revenue(today(), following.day).checks[0]
    assert (both.elsewhere, both.other_days, both.closed) == (0, 0, 459)
    shown = client.get(PAGE, {"from": today(), "to": today()}).text
    assert [text in shown for text in ("¥99.00", "−¥180.00", "¥279.00")] == [True] * 3


@pytest.mark.usefixtures("world")
def test_a_wrong_total_of_a_settlement_is_noticed(client):
    client.force_login(staff_with("view_reports"))
    close(imported())
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("ALTER TABLE billing_settlement DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE billing_settlement SET payments_total = payments_total + 1, net = net + 1"
        )

    assert not found().agrees
    assert "settlements differ" in client.get(PAGE).text


@pytest.mark.usefixtures("world")
def test_a_wrong_journal_is_noticed():
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("ALTER TABLE billing_posting DISABLE TRIGGER USER")
        cursor.execute("UPDATE billing_posting SET amount = amount + 0.01 WHERE amount = 180")

    assert not found().agrees


@pytest.mark.usefixtures("world")
def test_the_page_and_its_workbook(client):
    client.force_login(staff_with("view_reports"))

    shown = client.get(PAGE, {"from": today(), "to": today()})
    file = client.get(PAGE, {"from": today(), "to": today(), "format": "xlsx"})

    assert "¥519.50 stay of 3 visits paid." in shown.text
    assert "say the same to the cent" in shown.text
    book = openpyxl.load_workbook(io.BytesIO(file.content))
    assert [cell.value for cell in book["Revenue"][4]][-1] == 519.5
    assert OperationLog.objects.filter(action="export.made").count() == 1
    assert "No money moved" in client.get(PAGE, {"from": "2026-01-01", "to": "2026-01-02"}).text
    assert client.get(PAGE, {"from": "2026-01-02", "to": "2026-01-01"}).status_code == 422
    assert (
        client.get(PAGE, {"from": today() - timedelta(days=400), "to": today()}).status_code == 422
    )
