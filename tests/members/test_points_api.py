"""What do members learn about their points by the API?"""

from datetime import timedelta

import pytest
from django.db import transaction

from medbook import clock
from members.services.points import earn_points, spend_points
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.factories import member_with_patient

pytestmark = pytest.mark.django_db

POINTS = f"{ROOT}me/points/"


def earn(member, points, now=None):
    with transaction.atomic():
        return earn_points(
            member=member, points=points, reference=f"visit:{points}", now=now or clock.now()
        )


def test_tells_the_balance_what_expires_and_the_entries():
    alice = member_with_patient()
    entry = earn(alice, 162)
    with transaction.atomic():
        spend_points(member=alice, points=50, reference="use", by=alice.user, now=clock.now())

    body = caller(alice).get(POINTS).json()

    assert body["balance"] == 112
    [expiring] = body["expiring"]
    assert expiring["amount"] == 112
    assert (body["next"], body["previous"]) == (None, None)
    assert [(row["reason"], row["amount"], row["balance_after"]) for row in body["results"]] == [
        ("spent", -50, 112),
        ("earned", 162, 162),
    ]
    earned = body["results"][1]
    assert earned["id"] == str(entry.uid)
    assert earned["expires_at"] == expiring["expires_at"]
    assert set(earned) == {
        "id",
        "at",
        "reason",
        "amount",
        "balance_after",
        "expires_at",
        "note",
    }


def test_nothing_yet_is_told_as_nothing():
    body = caller(member_with_patient()).get(POINTS).json()

    assert body == {"balance": 0, "expiring": [], "next": None, "previous": None, "results": []}


def test_what_has_expired_is_not_said_to_expire():
    alice = member_with_patient()
    earn(alice, 10, now=clock.now() - timedelta(days=800))

    assert caller(alice).get(POINTS).json()["expiring"] == []


def test_comes_in_pages():
    alice = member_with_patient()
    for points in range(1, 6):
        earn(alice, points)

    first = caller(alice).get(POINTS, {"page_size": 3}).json()
    second = caller(alice).get(first["next"]).json()

    assert [row["amount"] for row in first["results"]] == [5, 4, 3]
    assert [row["amount"] for row in second["results"]] == [2, 1]
    assert second["balance"] == 15


def test_tells_nobody_elses():
    earn(member_with_patient(), 999)

    assert caller(member_with_patient()).get(POINTS).json()["results"] == []


def test_wants_a_token_and_no_other_questions():
    alice = member_with_patient()

    assert refusal(caller().get(POINTS)) == (401, "authentication_required")
    assert refusal(caller(alice).get(POINTS, {"member": "x"})) == (400, "unknown_parameter")
    assert refusal(caller(alice).get(POINTS, {"cursor": "x"})) == (400, "malformed_cursor")
    assert "page_size" in wrong_fields(caller(alice).get(POINTS, {"page_size": 0}))
