"""Until when is a visit cancelled freely, and what comes back? All of it pure."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.rules import policies
from appointments.rules.booking import returns_at
from appointments.rules.policies import CancelPolicy, cancel_until, refund_percent

START_OF_TIME = datetime(2020, 1, 1, tzinfo=UTC)
BERLIN, SHANGHAI = "Europe/Berlin", "Asia/Shanghai"


def at(text, zone):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def deadline(start, zone, policy):
    """Say the deadline of a visit by the clinic's clock."""
    service_date = date.fromisoformat(start[:10])
    until = cancel_until(at(start, zone), service_date, zone, policy)
    return f"{until.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("start", "zone", "hours", "until"),
    [
        ("2026-12-01T09:20", SHANGHAI, 24, "2026-11-30 09:20"),
        ("2026-12-01T09:20", SHANGHAI, 0, "2026-12-01 09:20"),
        ("2026-03-29T09:00", BERLIN, 24, "2026-03-28 08:00"),  # an hour is skipped
        ("2026-10-25T09:00", BERLIN, 24, "2026-10-24 10:00"),  # an hour comes twice
        ("2028-03-01T09:00", SHANGHAI, 24, "2028-02-29 09:00"),
    ],
)
def test_hours_are_counted_as_they_pass(start, zone, hours, until):
    assert deadline(start, zone, CancelPolicy(hours)) == until


@pytest.mark.parametrize(
    ("start", "zone", "days", "clock", "until"),
    [
        ("2026-12-01T09:20", SHANGHAI, 1, time(17), "2026-11-30 17:00"),
        ("2026-12-01T09:20", SHANGHAI, 0, time(8), "2026-12-01 08:00"),
        ("2026-12-01T09:20", SHANGHAI, 0, time(17), "2026-12-01 09:20"),  # never past the start
        ("2026-03-29T09:00", BERLIN, 1, time(17), "2026-03-28 17:00"),
        ("2026-03-30T09:00", BERLIN, 1, time(2, 30), "2026-03-29 03:30"),  # 02:30 does not exist
        ("2026-10-26T09:00", BERLIN, 1, time(17), "2026-10-25 17:00"),
        ("2026-10-26T09:00", BERLIN, 1, time(2, 30), "2026-10-25 02:30"),  # the first of two
        ("2026-03-01T09:00", SHANGHAI, 1, time(17), "2026-02-28 17:00"),
        ("2028-03-01T09:00", SHANGHAI, 1, time(17), "2028-02-29 17:00"),
        ("2027-01-01T09:00", SHANGHAI, 2, time(12), "2026-12-30 12:00"),
    ],
)
def test_days_before_at_a_time_go_by_the_clinics_clock(start, zone, days, clock, until):
    assert deadline(start, zone, CancelPolicy(24, days, clock)) == until


def test_of_an_hour_that_comes_twice_the_first_is_meant():
    until = cancel_until(
        at("2026-10-26T09:00", BERLIN), date(2026, 10, 26), BERLIN, CancelPolicy(0, 1, time(2, 30))
    )

    assert until == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(
    start=st.integers(0, 15 * 366 * 24 * 60).map(lambda m: START_OF_TIME + timedelta(minutes=m)),
    zone=st.sampled_from([BERLIN, SHANGHAI, "America/New_York"]),
    policy=st.builds(
        CancelPolicy,
        st.integers(0, 240),
        st.one_of(st.none(), st.integers(0, 30)),
        st.one_of(st.none(), st.times()),
    ),
)
def test_the_deadline_is_never_after_the_start(start, zone, policy):
    service_date = start.astimezone(ZoneInfo(zone)).date()

    assert cancel_until(start, service_date, zone, policy) <= start


UNTIL = datetime(2026, 11, 30, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("is_own", "now", "percent"),
    [
        (True, UNTIL - SECOND, 100),
        (True, UNTIL, 50),
        (True, UNTIL + SECOND, 50),
        (False, UNTIL + SECOND, 100),
    ],
)
def test_all_comes_back_in_time_and_whenever_the_clinic_cancels(is_own, now, percent):
    share = refund_percent(is_own=is_own, now=now, cancel_until=UNTIL, late_refund_percent=50)

    assert share == percent


@pytest.mark.parametrize(("chance", "minutes"), [(0.0, 1), (0.5, 31), (0.999, 60)])
def test_a_sought_after_place_returns_within_the_hour(chance, minutes):
    start = UNTIL + timedelta(days=1)

    assert returns_at(start, UNTIL, chance) == UNTIL + timedelta(minutes=minutes)


def test_a_place_that_would_return_after_its_start_returns_at_once():
    assert returns_at(UNTIL + timedelta(minutes=31), UNTIL, 0.5) is None
    assert returns_at(UNTIL + timedelta(minutes=32), UNTIL, 0.5) is not None


def test_nobody_cancels_what_has_begun():
    assert not policies.may_cancel(UNTIL, UNTIL, UNTIL, can_cancel_late=True)
