"""Can a member trust the points: see each entry, what expires next, and take them away as CSV?"""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from medbook import clock
from members.models import PointEntry
from members.services.points import adjust_points, earn_points, spend_points, take_back_points
from tests.factories import UserFactory, member_with_patient

pytestmark = pytest.mark.django_db

PAGE = "/en/membership/points/"
SPRING = datetime(2026, 3, 10, 2, tzinfo=UTC)


def earn(member, points, *, now=SPRING, reference=None):
    with transaction.atomic():
        return earn_points(
            member=member, points=points, reference=reference or f"visit:{points}", now=now
        )


def spend(member, points, *, now=SPRING):
    with transaction.atomic():
        spend_points(
            member=member, points=points, reference=f"use:{points}", by=member.user, now=now
        )


@pytest.fixture
def alice(client):
    member = member_with_patient()
    client.force_login(member.user)
    return member


def words(page):
    return " ".join(page.text.split())


def rows_of(page):
    return [(entry.reason, entry.amount) for entry, _last_day in page.context["rows"]]


def test_lists_what_came_and_went_the_last_first(client, alice):
    earn(alice, 162)
    spend(alice, 50)

    page = client.get(PAGE)

    assert rows_of(page) == [("spent", -50), ("earned", 162)]
    for text in ("+162", "−50", "10 Mar 2026", "Earned by a visit"):
        assert text in page.text
    assert "no-store" in page["Cache-Control"]


def test_says_first_what_expires_next(client, alice):
    earn(alice, 162)
    earn(alice, 30, now=SPRING + timedelta(days=40))

    page = client.get(PAGE)

    assert "162 points expire on 10 Mar 2028." in words(page)
    assert "30 points expire on 19 Apr 2028." in words(page)
    assert page.text.index("162 points expire") < page.text.index("30 points expire")
    assert "Worth ¥1.92 off your next visits" in words(page)


def test_says_how_to_earn_where_there_is_nothing(client, alice):
    page = client.get(PAGE)

    assert "No points yet." in page.text
    assert "Each visit that you have paid earns points" in words(page)
    assert "format=csv" not in page.text


def test_says_why_nothing_can_be_used_after_a_take_back(client, alice):
    earn(alice, 10)
    with transaction.atomic():
        take_back_points(member=alice, points=30, reference="refund", now=SPRING)

    page = client.get(PAGE)

    assert page.context["balance"] == -20
    assert "More points were taken back than you had." in words(page)


@pytest.mark.parametrize(
    ("query", "amounts"),
    [
        ("", [-7, 40, 30]),
        ("year=2026", [-7, 40]),
        ("year=2025", [30]),
        ("kind=spent", [-7]),
        ("year=2025&kind=spent", []),
        ("year=&kind=", [-7, 40, 30]),
    ],
)
def test_filters_by_year_and_kind(client, alice, query, amounts):
    earn(alice, 30, now=SPRING - timedelta(days=365))
    earn(alice, 40)
    spend(alice, 7)

    page = client.get(f"{PAGE}?{query}")

    assert [amount for _reason, amount in rows_of(page)] == amounts
    assert [int(year) for year, _label in page.context["form"].fields["year"].choices[1:]] == [
        2026,
        2025,
    ]


def test_a_year_begins_at_the_midnight_of_the_site(client, alice):
    earn(alice, 30, now=datetime(2025, 12, 31, 16, tzinfo=UTC))  # midnight in Shanghai

    assert rows_of(client.get(f"{PAGE}?year=2026")) == [("earned", 30)]


@pytest.mark.parametrize(
    "query", ["year=2031", "year=x", "year=1e9", "kind=gift", "year=%00", "kind=%F0%9F%98%80"]
)
def test_a_filter_that_cannot_be_is_named(client, alice, query):
    earn(alice, 30)

    page = client.get(f"{PAGE}?{query}")

    assert page.status_code == 422
    assert "Please check these answers" in page.text
    assert client.get(f"{PAGE}?{query}&format=csv").status_code == 422


def test_comes_in_pages_that_keep_the_filter(client, alice):
    for number in range(21):
        earn(alice, 1, reference=f"visit:{number}")

    first = client.get(f"{PAGE}?kind=earned")

    assert len(first.context["rows"]) == 20
    assert "?kind=earned&amp;page=2" in first.text
    assert len(client.get(f"{PAGE}?kind=earned&page=2").context["rows"]) == 1


def test_gives_csv_in_which_no_word_is_a_formula(client, alice):
    earn(alice, 162)
    spend(alice, 50)
    adjust_points(
        member_uid=alice.uid,
        points=5,
        reason="=HYPERLINK(1)",
        key="k",
        by=UserFactory(),
        now=SPRING,
    )

    answer = client.get(f"{PAGE}?format=csv")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="points.csv"'
    rows = list(csv.reader(io.StringIO(answer.content.decode().removeprefix("\ufeff"))))
    assert rows == [
        ["Date", "What", "Points", "Balance", "Valid until", "Note"],
        [
            "2026-03-10T10:00:00+08:00",
            "Adjusted by the clinic",
            "5",
            "117",
            "2028-03-10",
            "'=HYPERLINK(1)",
        ],
        ["2026-03-10T10:00:00+08:00", "Spent on a visit", "-50", "112", "", ""],
        ["2026-03-10T10:00:00+08:00", "Earned by a visit", "162", "162", "2028-03-10", ""],
    ]


def test_shows_and_gives_nobody_elses(client, alice):
    earn(member_with_patient(), 999)

    assert "999" not in client.get(PAGE).text
    assert "999" not in client.get(f"{PAGE}?format=csv").text


def test_writes_nothing(client, alice):
    earn(alice, 5, now=clock.now() - timedelta(days=800))

    client.get(PAGE)

    assert PointEntry.objects.count() == 1
    assert client.post(PAGE, {"points": 999}).status_code == 405


def test_is_there_in_chinese(client, alice):
    assert client.get("/zh-hans/membership/points/").status_code == 200


def test_takes_as_many_queries_for_many_entries(client, alice, django_assert_max_num_queries):
    for number in range(15):
        earn(alice, 1, reference=f"visit:{number}")

    with django_assert_max_num_queries(15):
        client.get(PAGE)
