"""How are the drawer and the card terminal of the desk counted?"""

from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.urls import reverse

from billing.choices import Account
from billing.errors import BadCardTotal, BadCash, CashMoved, NoteRequired
from billing.models import CashCount
from billing.selectors.settling import desk_balance, desk_money
from billing.services import cash
from billing.services.cash import count_cash, note_card_total
from medbook import clock
from medbook.audit.models import OperationLog
from tests.appointments.booking import book, pay
from tests.billing.statements import balance
from tests.billing.test_refunds_admin import staff_with
from tests.factories import UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db
PAGE = "/admin/cash/"


def take_cash():
    """Take ¥180 in at the desk."""
    pay(book(member_with_patient(), schedule_with_slots(1)))


def take_card():
    """Take ¥180 by card at the desk."""
    pay(book(member_with_patient(), schedule_with_slots(1)), gateway="desk_card")


def count(counted, kept="0", *, seen=None, note=""):
    return count_cash(
        counted=Decimal(counted),
        kept=Decimal(kept),
        seen=desk_balance(Account.DESK_CASH) if seen is None else Decimal(seen),
        note=note,
        by=UserFactory(is_staff=True),
        now=clock.now(),
    )


def total(said, *, seen=None, note=""):
    return note_card_total(
        total=Decimal(said),
        seen=desk_balance(Account.DESK_CARD) if seen is None else Decimal(seen),
        note=note,
        by=UserFactory(is_staff=True),
        now=clock.now(),
    )


def test_what_is_taken_away_goes_to_the_bank_and_the_rest_stays():
    take_cash()

    counted = count("180", "50")

    assert (counted.expected, counted.difference) == (180, 0)
    assert (balance("desk_cash"), balance("bank"), balance("differences")) == (50, 130, 0)
    assert OperationLog.objects.get(action="cash.counted").facts["kept"] == "50"


@pytest.mark.parametrize(("counted", "difference"), [("179.90", "-0.10"), ("200", "20.00")])
def test_a_difference_is_booked_and_explained(counted, difference):
    take_cash()
    with pytest.raises(NoteRequired):
        count(counted, note=" ")

    assert count(counted, note="A coin fell").difference == Decimal(difference)

    assert balance("differences") == -Decimal(difference)
    assert (balance("desk_cash"), balance("bank")) == (0, Decimal(counted))


def test_nothing_is_booked_where_all_stays():
    take_cash()

    assert count("180", "180").entry is None


def test_what_cannot_lie_in_a_drawer_is_refused():
    for amount in ("-1", "0.001", "1e12", "NaN", "Infinity"):
        with pytest.raises(BadCash):
            count(amount)
        with pytest.raises(BadCash):
            count("100", amount)
    with pytest.raises(BadCash):
        count("10", "10.01")  # more would stay than was counted


def test_a_count_is_refused_when_cash_has_moved_meanwhile():
    take_cash()

    with pytest.raises(CashMoved):
        count("0", seen="0")


def another_is_quicker(monkeypatch):
    """Let somebody count the same money right after it was looked at."""

    def look(account):
        found = desk_balance(account)
        CashCount.objects.create(
            account=account,
            number=1,
            counted_at=clock.now(),
            currency="CNY",
            counted=found,
            expected=found,
            difference=0,
            kept=0,
            by=UserFactory(is_staff=True),
        )
        return found

    monkeypatch.setattr(cash, "desk_balance", look)


def test_the_same_money_is_counted_once(monkeypatch):
    another_is_quicker(monkeypatch)

    with pytest.raises(CashMoved):
        count("0", seen="0")


def test_without_its_constraint_the_same_money_is_counted_twice(monkeypatch):
    another_is_quicker(monkeypatch)
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE billing_cashcount DROP CONSTRAINT one_count_per_account_and_number"
        )

    count("0", seen="0")

    assert [each.number for each in CashCount.objects.all()] == [1, 1]


def test_all_of_a_card_total_goes_to_the_bank():
    count("0")
    take_card()
    assert desk_money(Account.DESK_CARD).came_in == 180

    noted = total("180")

    assert (noted.number, noted.difference, noted.kept) == (1, 0, 0)
    assert str(noted).startswith("Card at the desk 1: ¥180")
    assert (balance("desk_card"), balance("bank"), balance("differences")) == (0, 180, 0)
    facts = OperationLog.objects.filter(action="cash.counted").latest("id").facts
    assert (facts["account"], facts["counted"]) == ("desk_card", "180")


@pytest.mark.parametrize("said", ["179.90", "200", "-20.00"])  # below zero: more went back
def test_a_difference_of_the_terminal_is_booked_and_explained(said):
    take_card()
    with pytest.raises(NoteRequired):
        total(said, note=" ")

    total(said, note="A slip is lost")

    assert (balance("desk_card"), balance("bank")) == (0, Decimal(said))
    assert balance("differences") == 180 - Decimal(said)


def test_a_card_total_that_cannot_be_or_has_moved_is_refused():
    take_card()
    for amount in ("0.001", "-1e7", "NaN", "Infinity"):
        with pytest.raises(BadCardTotal):
            total(amount)
    with pytest.raises(CashMoved):
        total("0", seen="0")

    assert not CashCount.objects.exists()


def test_since_the_last_count():
    take_cash()
    count("180", "50")
    take_cash()

    found = desk_money(Account.DESK_CASH)

    assert (found.expected, found.came_in, found.went_out) == (230, 180, 0)


def test_counts_never_change():
    count("0")

    with transaction.atomic(), connection.cursor() as cursor:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute("UPDATE billing_cashcount SET note = 'x'")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("ALTER TABLE billing_cashcount DISABLE TRIGGER USER")
        cursor.execute("UPDATE billing_cashcount SET note = 'x'")
        with pytest.raises(IntegrityError), transaction.atomic():
            cursor.execute("UPDATE billing_cashcount SET counted = 1, difference = 0")


def test_nothing_of_a_card_total_is_kept():
    take_card()
    total("180")
    keep = "UPDATE billing_cashcount SET kept = 50"

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("ALTER TABLE billing_cashcount DISABLE TRIGGER USER")
        with pytest.raises(IntegrityError, match="only_counted_cash"), transaction.atomic():
            cursor.execute(keep)
        cursor.execute("ALTER TABLE billing_cashcount DROP CONSTRAINT only_counted_cash_is_kept")
        cursor.execute(keep)  # without the constraint


def test_the_desk_counts_on_the_page(client):
    take_cash()
    client.force_login(staff_with("count_cash"))

    shown = client.get(PAGE)
    done = client.post(PAGE, {"pieces_100": "1", "pieces_20": "4", "kept": "50", "seen": "180.00"})

    assert "¥180.00" in shown.text
    assert done.status_code == 302
    assert (CashCount.objects.get().counted, balance("desk_cash")) == (180, 50)
    assert "¥50.00 stayed in the drawer." in client.get(PAGE).text
    assert reverse("admin:cash") == PAGE


def test_the_desk_notes_the_total_of_the_terminal_on_its_own_tab(client):
    take_cash()
    take_card()
    client.force_login(staff_with("count_cash", "view_cashcount"))
    tab = f"{PAGE}?tab=card"

    shown = client.get(tab)
    moved = client.post(tab, {"total": "180", "seen": "0.00"})
    wrong = client.post(tab, {"total": "170", "seen": "180.00"})
    done = client.post(tab, {"total": "170", "seen": "180.00", "note": "A slip is lost"})

    assert "Expected on the slip" in shown.text
    assert "pieces_100" not in shown.text
    assert (moved.status_code, wrong.status_code) == (422, 422)
    assert "Please look again." in moved.text
    assert "Please say why." in wrong.text
    assert (done.status_code, done.url) == (302, tab)
    assert (balance("desk_card"), balance("desk_cash")) == (0, 180)
    assert "Earlier counts: Card at the desk" in client.get(tab).text
    assert "Earlier counts" not in client.get(PAGE).text
    assert "Card at the desk" in client.get(reverse("admin:billing_cashcount_changelist")).text


def test_the_page_says_what_is_wrong_and_writes_nothing(client):
    take_cash()
    client.force_login(staff_with("count_cash"))
    for said, error in (
        ({"counted": "-1"}, "greater than or equal to 0"),
        ({"counted": "0.001"}, "2 decimal places"),
        ({"counted": "99999999999"}, "Ensure"),
        ({"counted": "NaN"}, "Enter a number"),
        ({"counted": "1e3"}, "Enter a number"),
        ({"counted": "a lot"}, "Enter a number"),
        ({}, "Please count the notes and coins, or type the sum."),
        ({"counted": "170"}, "Please say why."),
        ({"counted": "180", "pieces_100": "1"}, "The pieces make ¥100."),
        ({"counted": "180", "kept": "181"}, "leave no more than you counted"),
        ({"counted": "180", "seen": "170.00"}, "Please look again."),
    ):
        answer = client.post(PAGE, {"kept": "0", "seen": "180.00", **said})
        assert answer.status_code == 422
        assert error in answer.text, said

    assert not CashCount.objects.exists()


def test_who_may_not_count_is_turned_away(client):
    client.force_login(staff_with("view_payment"))

    assert client.get(PAGE).status_code == 403
