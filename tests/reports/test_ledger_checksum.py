"""Does the checksum tell the same of the same money, and another of other money?"""

import json

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from medbook import clock
from members.services.points import earn_points
from tests.appointments.booking import book, pay
from tests.factories import member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db


@pytest.fixture
def said(capsys):
    def say(*options):
        call_command("ledger_checksum", *options)
        return capsys.readouterr().out

    return say


@pytest.fixture
def _money():
    member = member_with_patient()
    pay(book(member, schedule_with_slots(1)))
    with transaction.atomic():
        earn_points(member=member, points=500, reference="visit", now=clock.now())


@pytest.mark.usefixtures("_money")
def test_says_the_same_of_the_same_data(said):
    first = json.loads(said("--json"))

    assert json.loads(said("--json")) == first
    assert first["CNY"]["rows"] == 4
    assert first["CNY"]["totals"] == {
        "desk_cash": "180.00",
        "members": "0.00",
        "revenue": "-180.00",
    }
    assert first["points"]["totals"] == {"points": "500"}
    plain = said()
    assert f"CNY: {first['CNY']['sha256']}, 4 rows" in plain
    assert "  desk_cash: 180.00" in plain


@pytest.mark.usefixtures("_money")
def test_sees_a_cent_and_a_point(said):
    before = json.loads(said("--json"))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        for table, column in (("billing_posting", "amount"), ("members_pointentry", "amount")):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(f"UPDATE {table} SET {column} = {column} + 1")

    after = json.loads(said("--json"))

    assert after["CNY"]["sha256"] != before["CNY"]["sha256"]
    assert after["points"]["sha256"] != before["points"]["sha256"]


def test_an_empty_database_has_a_checksum_too(said):
    assert json.loads(said("--json"))["points"]["rows"] == 0
