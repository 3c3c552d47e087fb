"""How is the drawer at the desk counted?"""

from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.urls import reverse

from billing.errors import BadCash, CashMoved, NoteRequired
from billing.models import CashCount
from billing.selectors.settling import drawer, expected_cash
from billing.services.cash import count_cash
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


def count(counted, kept="0", *, seen=None, note=""):
    return count_cash(
        counted=Decimal(counted),
        kept=Decimal(kept),
        seen=expected_cash() if seen is None else Decimal(seen),
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


def test_since_the_last_count():
    take_cash()
    count("180", "50")
    take_cash()

    found = drawer()

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
        ({"counted": "180", "seen": "170.00"}, "Please count again."),
    ):
        answer = client.post(PAGE, {"kept": "0", "seen": "180.00", **said})
        assert answer.status_code == 422
        assert error in answer.text, said

    assert not CashCount.objects.exists()


def test_who_may_not_count_is_turned_away(client):
    client.force_login(staff_with("view_payment"))

    assert client.get(PAGE).status_code == 403
