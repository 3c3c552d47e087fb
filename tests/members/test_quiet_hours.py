"""Until when is a message kept that must not wake anybody?"""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from members.rules.quiet_hours import after_quiet_hours

SHANGHAI = ZoneInfo("Asia/Shanghai")
NIGHT = {"quiet_from": time(21), "quiet_until": time(8), "zone": SHANGHAI}
NOON = {"quiet_from": time(12), "quiet_until": time(14), "zone": SHANGHAI}


def shanghai(text):
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("ready", "sent"),
    [
        ("27T20:59:59", "27T20:59:59"),
        ("27T21:00:00", "28T08:00:00"),
        ("27T23:59:59", "28T08:00:00"),
        ("28T00:00:00", "28T08:00:00"),
        ("28T07:59:59", "28T08:00:00"),
        ("28T08:00:00", "28T08:00:00"),
        ("28T12:00:00", "28T12:00:00"),
    ],
)
def test_over_midnight(ready, sent):
    assert after_quiet_hours(shanghai(ready), **NIGHT) == shanghai(sent)


@pytest.mark.parametrize(
    ("ready", "sent"),
    [
        ("27T11:59:59", "27T11:59:59"),
        ("27T12:00:00", "27T14:00:00"),
        ("27T13:59:59", "27T14:00:00"),
        ("27T14:00:00", "27T14:00:00"),
        ("27T23:00:00", "27T23:00:00"),
    ],
)
def test_within_a_day(ready, sent):
    assert after_quiet_hours(shanghai(ready), **NOON) == shanghai(sent)


@pytest.mark.parametrize("clock", [time(0), time(8), time(21)])
def test_equal_times_mean_that_no_hour_is_quiet(clock):
    ready = shanghai("27T21:00:00")

    sent = after_quiet_hours(ready, quiet_from=clock, quiet_until=clock, zone=SHANGHAI)

    assert sent == ready


def test_the_zone_decides_which_hours_are_quiet():
    ready = shanghai("27T22:00:00")

    assert after_quiet_hours(ready, **{**NIGHT, "zone": ZoneInfo("Europe/London")}) == ready


def test_an_end_that_the_clocks_skip_comes_all_the_same():
    new_york = ZoneInfo("America/New_York")
    ready = datetime(2026, 3, 8, 1, tzinfo=new_york)  # 02:00 to 03:00 does not exist

    sent = after_quiet_hours(ready, quiet_from=time(0), quiet_until=time(2, 30), zone=new_york)

    assert ready < sent <= datetime(2026, 3, 8, 3, 30, tzinfo=new_york)


@given(
    some.datetimes(  # Hypothesis takes the bounds without a zone
        datetime(2026, 1, 1),  # noqa: DTZ001
        datetime(2027, 1, 1),  # noqa: DTZ001
        timezones=some.just(SHANGHAI),
    ),
    some.times(),
    some.times(),
)
def test_is_never_early_never_a_day_late_and_never_quiet(ready, quiet_from, quiet_until):
    hours = {"quiet_from": quiet_from, "quiet_until": quiet_until, "zone": SHANGHAI}

    sent = after_quiet_hours(ready, **hours)

    assert ready <= sent
    assert (sent - ready).total_seconds() <= 24 * 3600
    assert after_quiet_hours(sent, **hours) == sent
