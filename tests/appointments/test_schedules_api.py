"""The API's sessions and places: what strangers and members of each tier see."""

from datetime import timedelta
from decimal import Decimal
from itertools import product

import pytest
from django.utils.dateparse import parse_datetime

from appointments.selectors.sessions import SessionFilters, seen_sessions
from appointments.selectors.terms import terms_of
from medbook import clock, databases
from members.selectors.tiers import privileges
from scheduling.choices import SaleState, ScheduleState, SlotState
from scheduling.rules import sessions as rules
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.appointments.booking import book
from tests.factories import (
    DepartmentFactory,
    DoctorFactory,
    PrivilegeFactory,
    ScheduleFactory,
    SlotFactory,
    TierFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db
LIST = ROOT + "schedules/"


def listed(client=None, query=""):
    answer = (client or caller()).get(LIST + query)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


@pytest.fixture
def gold():
    tier = TierFactory(code="gold")
    PrivilegeFactory(tier=tier, key="discount_rate", value="0.9")
    PrivilegeFactory(tier=tier, key="early_access_minutes", value="15")
    return member_with_patient(tier=tier)


def test_a_stranger_sees_a_session_with_its_price_and_places():
    schedule = schedule_with_slots(3)
    book(member_with_patient(), schedule)

    [row] = listed()

    assert row == {
        "id": str(schedule.uid),
        "doctor": {"id": str(schedule.doctor.uid), "name": "Chen Wei"},
        "department": {"id": str(schedule.department.uid), "name": "Cardiology"},
        "clinic": {"id": str(schedule.department.clinic.uid), "name": "East Clinic"},
        "room": {"id": str(schedule.room.uid), "name": schedule.room.code},
        "date": schedule.service_date.isoformat(),
        "starts_at": f"{schedule.service_date}T09:00:00+08:00",
        "ends_at": f"{schedule.service_date}T12:00:00+08:00",
        "fee": "180.00",
        "your_price": "180.00",
        "currency": "CNY",
        "release_at": row["release_at"],
        "opens_for_you_at": row["release_at"],
        "sale_stops_at": f"{schedule.service_date - timedelta(1)}T17:00:00+08:00",
        "rush_mode": "direct",
        "max_appointments": 3,
        "remaining": 2,
        "state": "on_sale",
    }


def test_a_gold_member_sees_the_own_price_and_opening(gold):
    schedule = schedule_with_slots(1, release_at=clock.now() + timedelta(minutes=10))

    [hers], [others] = listed(caller(gold)), listed()

    assert (hers["your_price"], hers["state"]) == ("162.00", "on_sale")
    assert (others["your_price"], others["state"]) == ("180.00", "upcoming")
    opens_at = parse_datetime(hers["opens_for_you_at"])
    assert schedule.release_at - opens_at == timedelta(minutes=15)


def test_names_come_in_the_callers_language():
    schedule_with_slots(1)

    [row] = listed(caller(**{"Accept-Language": "zh-hans"}))

    assert row["doctor"]["name"] == "陈伟"
    assert row["department"]["name"] == "心内科"


def test_drafts_are_seen_by_nobody():
    schedule = schedule_with_slots(1, state=ScheduleState.DRAFT)

    assert listed() == []
    assert refusal(caller().get(f"{LIST}{schedule.uid}/slots/")) == (404, "not_found")


def test_sessions_are_found_by_doctor_department_and_dates():
    schedule = schedule_with_slots(1)
    schedule_with_slots(1, doctor=DoctorFactory())
    day = schedule.service_date

    def found(query):
        return [row["id"] for row in listed(query=query)]

    assert found(f"?doctor={schedule.doctor.uid}") == [str(schedule.uid)]
    assert found(f"?department={schedule.department.uid}") == [str(schedule.uid)]
    assert len(found(f"?from={day}&to={day}")) == 2
    assert found(f"?from={day + timedelta(1)}") == []
    assert found(f"?to={day - timedelta(1)}") == []


def test_what_is_over_is_listed_only_when_asked_for():
    over = ScheduleFactory(service_date=clock.now().date() - timedelta(days=3))

    assert listed() == []
    assert [row["state"] for row in listed(query=f"?from={over.service_date}")] == ["sale_over"]


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("doctor=1", "doctor", "invalid"),
        ("department=x", "department", "invalid"),
        ("from=2026-02-30", "from", "invalid"),
        ("from=2026-11-30T00:00", "from", "invalid"),
        ("to=yesterday", "to", "invalid"),
        ("from=2026-11-30&to=2026-11-29", "to", "contradiction"),
        ("state=free", "state", "invalid_choice"),
    ],
)
def test_a_wrong_question_is_refused(query, field, code):
    assert wrong_fields(caller().get(f"{LIST}?{query}")) == {field: code}


HOUR = timedelta(hours=1)
AROUND_NOW = (-HOUR, timedelta(0), HOUR)
SOON = timedelta(minutes=10)  # open for gold, not for others


@pytest.mark.parametrize("place", [SlotState.FREE, SlotState.BLOCKED])
def test_the_filter_and_the_shown_state_agree(place, gold):
    """Whatever the instants: each session is found by the state that it shows, and no other."""
    now = clock.now()
    department = DepartmentFactory()
    cases = [
        *product(["published"], (*AROUND_NOW, SOON), *[AROUND_NOW] * 3),
        *product(["finished", "called_off"], [-HOUR], [HOUR], [HOUR], AROUND_NOW),
    ]
    for state, release, stop, same_day, end in cases:
        schedule = ScheduleFactory(
            doctor=DoctorFactory(department=department),
            state=state,
            service_date=now.date(),
            starts_at=now - 2 * HOUR,
            ends_at=now + end,
            release_at=now + release,
            sale_stops_at=now + stop,
            same_day_from=now + same_day,
        )
        SlotFactory(
            schedule=schedule, state=place, starts_at=now + end - HOUR / 2, ends_at=now + end
        )
    for terms in (terms_of(None, now), terms_of(gold, now)):
        everything = SessionFilters(first_day=now.date() - timedelta(days=1))
        shown = {
            row.pk: rules.sale_state(
                state=row.state,
                opens_at=rules.opens_at(row.release_at, terms.early_minutes),
                sale_stops_at=row.sale_stops_at,
                same_day_from=row.same_day_from,
                ends_at=row.ends_at,
                remaining=row.remaining,
                now=now,
            )
            for row in seen_sessions(everything, terms, now, using="default")
        }
        assert len(shown) == len(cases)
        for wanted in SaleState:
            filters = SessionFilters(first_day=everything.first_day, state=wanted)
            found = {row.pk for row in seen_sessions(filters, terms, now, using="default")}
            assert found == {pk for pk, state_shown in shown.items() if state_shown == wanted}


def test_places_are_listed_by_number():
    schedule = schedule_with_slots(3)
    taken = book(member_with_patient(), schedule).slot
    schedule.slots.filter(number=2).update(state=SlotState.BLOCKED)

    rows = caller().get(f"{LIST}{schedule.uid}/slots/").json()["results"]

    assert [(row["number"], row["state"]) for row in rows] == [
        (1, "taken"),
        (2, "blocked"),
        (3, "free"),
    ]
    assert rows[0]["id"] == str(taken.uid)
    assert rows[0]["starts_at"] == f"{schedule.service_date}T09:00:00+08:00"
    assert rows[0]["ends_at"] == f"{schedule.service_date}T09:20:00+08:00"


def test_a_place_that_has_begun_reads_taken():
    start = clock.now() - timedelta(minutes=30)
    schedule = schedule_with_slots(
        3, service_date=start.date(), starts_at=start, ends_at=start + timedelta(hours=3)
    )

    rows = caller().get(f"{LIST}{schedule.uid}/slots/").json()["results"]

    assert [row["state"] for row in rows] == ["taken", "taken", "free"]
    [session] = listed()
    assert session["remaining"] == 1


def test_places_of_an_unknown_session_are_not_found():
    unknown = "00000000-0000-4000-8000-000000000000"

    assert refusal(caller().get(f"{LIST}{unknown}/slots/")) == (404, "not_found")


def test_a_list_costs_as_many_queries_for_one_row_as_for_many(django_assert_num_queries, gold):
    client, member = caller(), caller(gold)
    schedule = schedule_with_slots(1)
    privileges(None, clock.now())  # known, as in every process that has answered before
    for _ in range(2):
        with django_assert_num_queries(1):
            listed(client, "?page_size=100")
        with django_assert_num_queries(3):  # token, member
            listed(member, "?page_size=100")
        with django_assert_num_queries(2):
            client.get(f"{LIST}{schedule.uid}/slots/")
        for _ in range(5):
            schedule_with_slots(4)


def test_who_has_this_very_list_is_not_sent_it_again():
    schedule = schedule_with_slots(2)
    client = caller()
    first = client.get(LIST)
    known = {"If-None-Match": first["ETag"]}

    again = client.get(LIST, headers=known)
    book(member_with_patient(), schedule)
    changed = client.get(LIST, headers=known)

    assert (first.status_code, again.status_code, changed.status_code) == (200, 304, 200)
    assert again.content == b""
    assert again["ETag"] == first["ETag"] != changed["ETag"]
    assert first["Cache-Control"] == "no-cache, public"


def test_what_a_member_sees_is_kept_for_that_member_only(gold):
    answer = caller(gold).get(LIST)

    assert answer["Cache-Control"] == "no-cache, private"
    assert "Authorization" in answer["Vary"]


def test_a_price_is_rounded_half_up_once():
    tier = TierFactory(code="silver")
    PrivilegeFactory(tier=tier, key="discount_rate", value="0.95")
    schedule_with_slots(1, fee=Decimal("0.50"))

    [row] = listed(caller(member_with_patient(tier=tier)))

    assert row["your_price"] == "0.48"


def test_with_a_replica_strangers_read_there_and_members_do_not(settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES, "replica", settings.DATABASES["default"])
    terms, now = terms_of(None, clock.now()), clock.now()

    strangers = seen_sessions(SessionFilters(), terms, now, using=databases.catalogue())

    assert strangers.db == "replica"
    schedule_with_slots(1)
    assert len(listed(caller(member_with_patient()))) == 1
