"""Which sessions of a week conflict?"""

from datetime import UTC, date, datetime, timedelta

import pytest

from scheduling.choices import ConflictKind, HalfDay
from scheduling.rules.conflicts import Conflict, Planned, conflicts
from scheduling.rules.sessions import half_day, week_of
from scheduling.rules.weeks import Week

NINE = datetime(2031, 3, 3, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def planned(name=1, start=0, hours=3, doctor="Chen", room="R1", **fields):
    starts_at = NINE + HOUR * start
    fields = {"is_draft": True, **fields}
    return Planned(name, doctor, room, starts_at, starts_at + HOUR * hours, **fields)


def found(*sessions, leaves=None, most_hours=None):
    return conflicts(sessions, leaves=leaves or {}, most_hours=most_hours or {})


@pytest.mark.parametrize(
    ("other", "conflict"),
    [
        (planned(2, start=2, room="R2"), Conflict(ConflictKind.DOCTOR_TWICE, 2, 1)),
        (planned(2, start=2, doctor="Li"), Conflict(ConflictKind.ROOM_TWICE, 2, 1)),
        (planned(2, start=-2), Conflict(ConflictKind.DOCTOR_TWICE, 2, 1)),
        (planned(2, start=-2, is_draft=False), Conflict(ConflictKind.DOCTOR_TWICE, 1, 2)),
        (planned(2, start=3), None),
        (planned(2, start=-3), None),
        (planned(2, doctor="Li", room="R2"), None),
    ],
)
def test_a_doctor_or_a_room_twice_at_once_is_found_once_at_the_one_to_change(other, conflict):
    assert found(planned(), other) == ([conflict] if conflict else [])


def test_a_long_session_conflicts_with_each_that_lies_in_it():
    long = planned(1, hours=8)
    inside = [planned(name, start=name, hours=1, room=f"R{name}") for name in (2, 3, 4)]

    assert [(one.session, one.other) for one in found(long, *inside)] == [(2, 1), (3, 1), (4, 1)]


def test_two_published_sessions_are_no_conflict_of_the_page():
    assert found(planned(is_draft=False), planned(2, start=1, is_draft=False)) == []


@pytest.mark.parametrize(("start", "end", "hits"), [(-2, 0, 0), (-2, 1, 1), (2, 9, 1), (3, 9, 0)])
def test_a_leave_hits_what_it_touches(start, end, hits):
    leaves = {"Chen": [(NINE + HOUR * start, NINE + HOUR * end)], "Li": [(NINE, NINE + HOUR)]}

    assert [one.kind for one in found(planned(), leaves=leaves)] == [ConflictKind.LEAVE] * hits


@pytest.mark.parametrize(
    ("session", "kinds"),
    [
        (planned(is_on_holiday=True), [ConflictKind.HOLIDAY]),
        (planned(is_on_holiday=True, is_draft=False), []),
        (planned(is_doctor_inactive=True), [ConflictKind.DOCTOR_INACTIVE]),
        (planned(is_doctor_inactive=True, is_draft=False), [ConflictKind.DOCTOR_INACTIVE]),
        (planned(is_room_closed=True), [ConflictKind.ROOM_CLOSED]),
        (planned(is_room_closed=True, is_draft=False), [ConflictKind.ROOM_CLOSED]),
    ],
)
def test_holidays_concern_drafts_and_closed_rooms_and_who_left_everything(session, kinds):
    assert [one.kind for one in found(session)] == kinds


def test_hours_count_published_ones_first_and_leave_what_fits_alone():
    limits = {"Chen": HOUR * 8}
    published = planned(1, start=48, hours=4, is_draft=False)
    fits, too_long, fits_too = planned(2, hours=3), planned(3, start=5, hours=2), planned(4, 24, 1)

    [conflict] = found(fits, too_long, fits_too, published, most_hours=limits)

    assert conflict == Conflict(ConflictKind.WEEKLY_HOURS, 3)
    assert conflict.is_overridable
    assert found(fits, too_long, most_hours={"Li": HOUR}) == []


def test_only_holidays_and_hours_can_be_overridden():
    overridable = {kind for kind in ConflictKind if Conflict(kind, 1).is_overridable}

    assert overridable == {ConflictKind.HOLIDAY, ConflictKind.WEEKLY_HOURS}


@pytest.mark.parametrize(
    ("name", "monday"),
    [
        ("2026-W01", date(2025, 12, 29)),
        ("2026-W53", date(2026, 12, 28)),
        ("2028-W09", date(2028, 2, 28)),
        ("2027-W53", None),
        ("1999-W01", None),
        ("2101-W01", None),
        ("2026-W00", None),
        ("W10-2026", None),
    ],
)
def test_weeks_are_counted_as_iso_8601_does(name, monday):
    week = Week.named(name)

    assert (week and week.monday) == monday
    assert week is None or (str(week), week_of(week.days[3])) == (name, (monday, week.sunday))


@pytest.mark.parametrize(
    ("hour", "half"),
    [(0, HalfDay.MORNING), (11, HalfDay.MORNING), (12, HalfDay.AFTERNOON), (18, HalfDay.EVENING)],
)
def test_noon_and_six_part_the_day(hour, half):
    assert half_day(NINE.replace(hour=hour).time()) == half
