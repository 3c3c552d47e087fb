"""When do sessions sit, open and close, and how are their places spread?"""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.choices import SaleState
from scheduling.rules import sessions as rules
from scheduling.rules.sessions import SaleRules, Sitting

SHANGHAI, NEW_YORK, LORD_HOWE = "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"
SPRING, AUTUMN = date(2026, 3, 8), date(2026, 11, 1)  # New York's changes of the clocks
NINE = datetime(2026, 11, 26, 1, tzinfo=UTC)
DEFAULTS = SaleRules(7, time(7), 1, time(17), time(0))


def utc(text):
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("day", "at", "zone", "expected"),
    [
        (date(2026, 11, 26), time(8), SHANGHAI, "2026-11-26T00:00Z"),
        (date(2026, 2, 28), time(23, 59), SHANGHAI, "2026-02-28T15:59Z"),
        (date(2028, 2, 29), time(0), SHANGHAI, "2028-02-28T16:00Z"),
        (SPRING, time(1, 59), NEW_YORK, "2026-03-08T06:59Z"),
        (SPRING, time(2), NEW_YORK, None),
        (SPRING, time(2, 59), NEW_YORK, None),
        (SPRING, time(3), NEW_YORK, "2026-03-08T07:00Z"),
        (AUTUMN, time(0, 59), NEW_YORK, "2026-11-01T04:59Z"),
        (AUTUMN, time(1), NEW_YORK, "2026-11-01T05:00Z"),
        (AUTUMN, time(1, 59), NEW_YORK, "2026-11-01T05:59Z"),
        (AUTUMN, time(2), NEW_YORK, "2026-11-01T07:00Z"),
        (date(2026, 10, 4), time(2, 15), LORD_HOWE, None),
        (date(2026, 10, 4), time(2, 30), LORD_HOWE, "2026-10-03T15:30Z"),
    ],
)
def test_clinic_times_become_instants_and_hours_that_do_not_exist_become_none(
    day, at, zone, expected
):
    assert rules.instant(day, at, zone) == (utc(expected) if expected else None)


def test_a_moment_in_a_skipped_hour_comes_after_the_gap():
    assert rules.moment(SPRING, time(2, 30), NEW_YORK) == utc("2026-03-08T03:30-04:00")


@pytest.mark.parametrize(
    ("day", "start", "end", "hours"),
    [
        (date(2026, 11, 26), time(8), time(12), 4),
        (SPRING, time(1), time(4), 2),
        (AUTUMN, time(0), time(3), 4),
        (AUTUMN, time(0), time(11), 12),
        (AUTUMN, time(0), time(11, 1), None),
        (SPRING, time(0), time(12), 11),
        (SPRING, time(2, 30), time(6), None),
        (SPRING, time(0), time(2, 30), None),
    ],
)
def test_a_session_is_skipped_where_the_clocks_leave_no_room_for_it(day, start, end, hours):
    period = rules.session_period(day, start, end, NEW_YORK)

    assert (period and period[1] - period[0]) == (hours and timedelta(hours=hours))


@pytest.mark.parametrize(
    ("minutes", "count", "length", "pause", "starts"),
    [
        (60, 3, 20, 0, [0, 20, 40]),
        (60, 3, 20, 10, [0, 0, 30]),
        (80, 3, 20, 10, [0, 30, 60]),
        (79, 3, 20, 10, [0, 0, 30]),
        (60, 6, 20, 0, [0, 0, 20, 20, 40, 40]),
        (60, 5, 20, 0, [0, 0, 20, 20, 40]),
        (120, 3, 20, 0, [0, 40, 80]),
        (60, 1, 20, 0, [0]),
        (20, 2, 20, 5, [0, 0]),
        (15, 2, 20, 0, [0, 0]),
    ],
)
def test_places_are_spread_evenly_over_the_starts(minutes, count, length, pause, starts):
    places = rules.slot_times(
        starts_at=NINE,
        ends_at=NINE + timedelta(minutes=minutes),
        count=count,
        length=timedelta(minutes=length),
        pause=timedelta(minutes=pause),
    )

    assert [(place.starts_at - NINE) / timedelta(minutes=1) for place in places] == starts
    assert [place.number for place in places] == list(range(1, count + 1))


@given(
    minutes=st.integers(1, 720),
    count=st.integers(1, 5000),
    length=st.integers(1, 480),
    pause=st.integers(0, 120),
    first_number=st.integers(1, 100),
)
def test_places_never_leave_the_session_and_never_go_back_in_time(
    minutes, count, length, pause, first_number
):
    ends_at = NINE + timedelta(minutes=minutes)
    places = rules.slot_times(
        starts_at=NINE,
        ends_at=ends_at,
        count=count,
        length=timedelta(minutes=length),
        pause=timedelta(minutes=pause),
        first_number=first_number,
    )

    assert len(places) == count
    assert [place.number for place in places][:: count - 1 or 1] == (
        [first_number] if count == 1 else [first_number, first_number + count - 1]
    )
    assert all(NINE <= place.starts_at < place.ends_at <= ends_at for place in places)
    assert all(one.starts_at <= other.starts_at for one, other in pairwise(places))
    shared = [sum(p.starts_at == start for p in places) for start in {p.starts_at for p in places}]
    assert max(shared) - min(shared) <= 1


def test_sales_open_and_close_by_the_departments_rules_in_clinic_time():
    times = rules.sale_times(date(2026, 11, 26), SHANGHAI, DEFAULTS)

    assert times.release_at == utc("2026-11-19T07:00+08:00")
    assert times.sale_stops_at == utc("2026-11-25T17:00+08:00")
    assert times.same_day_from == utc("2026-11-26T00:00+08:00")


def test_seven_days_ahead_are_calendar_days_across_a_change_of_the_clocks():
    times = rules.sale_times(date(2026, 3, 10), NEW_YORK, DEFAULTS)

    assert times.release_at == utc("2026-03-03T07:00-05:00")
    assert times.sale_stops_at == utc("2026-03-09T17:00-04:00")


def test_early_access_opens_by_so_many_minutes_sooner():
    assert rules.opens_at(NINE, 30) == NINE - timedelta(minutes=30)
    assert rules.opens_at(NINE, 0) == NINE


OPEN, STOP = utc("2026-11-19T07:00+08:00"), utc("2026-11-25T17:00+08:00")
SAME_DAY, END = utc("2026-11-26T00:00+08:00"), utc("2026-11-26T12:00+08:00")
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (OPEN - SECOND, SaleState.UPCOMING),
        (OPEN, SaleState.ON_SALE),
        (STOP - SECOND, SaleState.ON_SALE),
        (STOP, SaleState.SALE_OVER),
        (SAME_DAY - SECOND, SaleState.SALE_OVER),
        (SAME_DAY, SaleState.ON_SALE),
        (END - SECOND, SaleState.ON_SALE),
        (END, SaleState.SALE_OVER),
    ],
)
def test_a_sale_opens_stops_and_opens_again_on_the_day_itself(now, expected):
    assert state_at(now) == expected


@pytest.mark.parametrize(
    ("state", "remaining", "now", "expected"),
    [
        ("published", 0, OPEN - SECOND, SaleState.UPCOMING),
        ("published", 0, OPEN, SaleState.SOLD_OUT),
        ("published", 0, SAME_DAY, SaleState.SOLD_OUT),
        ("published", 0, STOP, SaleState.SALE_OVER),
        ("called_off", 3, OPEN, SaleState.CALLED_OFF),
        ("called_off", 3, END, SaleState.CALLED_OFF),
        ("finished", 3, OPEN, SaleState.SALE_OVER),
        ("draft", 3, OPEN, SaleState.SALE_OVER),
    ],
)
def test_the_state_of_a_sale_follows_the_schedule_and_what_remains(state, remaining, now, expected):
    assert state_at(now, state=state, remaining=remaining) == expected


def test_a_sale_that_runs_until_the_session_has_no_gap_before_the_day_itself():
    assert state_at(SAME_DAY - SECOND, sale_stops_at=END) == SaleState.ON_SALE


def state_at(now, state="published", remaining=1, sale_stops_at=STOP):
    return rules.sale_state(
        state=state,
        opens_at=OPEN,
        sale_stops_at=sale_stops_at,
        same_day_from=SAME_DAY,
        ends_at=END,
        remaining=remaining,
        now=now,
    )


@pytest.mark.parametrize(
    ("now", "zone", "first", "last"),
    [
        ("2026-11-26T01:59:59+08:00", SHANGHAI, date(2026, 11, 26), date(2026, 12, 9)),
        ("2026-11-26T02:00:00+08:00", SHANGHAI, date(2026, 11, 26), date(2026, 12, 10)),
        ("2026-11-25T23:59:59+08:00", SHANGHAI, date(2026, 11, 25), date(2026, 12, 9)),
        ("2026-11-26T00:00:00+08:00", SHANGHAI, date(2026, 11, 26), date(2026, 12, 9)),
        ("2026-11-26T02:00:00+08:00", NEW_YORK, date(2026, 11, 25), date(2026, 12, 9)),
        ("2026-03-08T01:59:59-05:00", NEW_YORK, date(2026, 3, 8), date(2026, 3, 21)),
        ("2026-03-08T03:00:00-04:00", NEW_YORK, date(2026, 3, 8), date(2026, 3, 22)),
    ],
)
def test_the_horizon_moves_on_at_two_in_the_morning_clinic_time(now, zone, first, last):
    dates = rules.horizon_dates(utc(now), zone, 14)

    assert (dates[0], dates[-1]) == (first, last)
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(dates))


def test_a_horizon_of_one_day_is_today_alone_before_two_in_the_morning():
    assert rules.horizon_dates(utc("2026-11-26T01:00+08:00"), SHANGHAI, 1) == [date(2026, 11, 26)]


def sitting(name, doctor="Chen", room="R1", start=8, end=12, **fields):
    defaults = {"weekday": 0, "valid_from": date(2026, 1, 1), "valid_until": None}
    return Sitting(
        name, doctor, room, start_time=time(start), end_time=time(end), **defaults | fields
    )


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        (sitting(2), "doctor"),
        (sitting(2, room="R2"), "doctor"),
        (sitting(2, doctor="Li"), "room"),
        (sitting(2, doctor="Li", room="R2"), None),
        (sitting(2, start=11, end=13), "doctor"),
        (sitting(2, start=12, end=13), None),
        (sitting(2, start=7, end=8), None),
        (sitting(2, weekday=1), None),
        (sitting(2, valid_from=date(2030, 1, 1)), "doctor"),
    ],
)
def test_two_patterns_clash_over_one_doctor_or_one_room_at_one_time(other, shared):
    found = list(rules.clashes([sitting(1), other]))

    assert [(clash.shared, clash.one.name, clash.other.name) for clash in found] == (
        [(shared, 1, 2)] if shared else []
    )


@pytest.mark.parametrize(
    ("until", "since", "clash"),
    [
        (date(2026, 6, 30), date(2026, 7, 1), False),
        (date(2026, 6, 30), date(2026, 6, 30), True),
        (None, date(2026, 7, 1), True),
    ],
)
def test_the_last_day_of_a_pattern_still_counts(until, since, clash):
    one, other = sitting(1, valid_until=until), sitting(2, valid_from=since)

    assert bool(list(rules.clashes([one, other]))) == clash
    assert bool(list(rules.clashes([other, one]))) == clash


@pytest.mark.parametrize(
    "typed", ["陈伟", "chen wei", "Chenwei", "cw", "CHÉN Wěi", "wei", "d0042", "Chen"]
)
def test_a_doctor_is_found_by_name_pinyin_initials_and_staff_number(typed):
    text = rules.search_text("Chen Wei", "陈伟", "D0042")

    assert all(word in text for word in rules.searched(typed).split())


def test_a_family_name_is_read_as_a_name():
    assert rules.pinyin("单雄信") == ["shan", "xiong", "xin"]
    assert rules.pinyin("简单") == ["jian", "dan"]


@pytest.mark.parametrize(
    ("english", "chinese", "code", "slug"),
    [
        ("Chen Wei", "陈伟", "D0042", "chen-wei-d0042"),
        ("", "陈伟", "D/42", "chen-wei-d-42"),
        ("陈伟", "陈伟", "D42", "chen-wei-d42"),
        ("O'Neil, Ann-Marie", "", "7", "o-neil-ann-marie-7"),
        ("x" * 100, "", "D42", "x" * 76 + "-d42"),
    ],
)
def test_the_address_name_is_the_name_in_latin_letters_with_the_staff_number(
    english, chinese, code, slug
):
    assert rules.slug_of(english, chinese, code) == slug
