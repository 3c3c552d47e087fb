"""Where exactly do windows and limits begin and end?"""

from datetime import UTC, date, datetime, timedelta

import pytest

from appointments.rules import booking as rules
from appointments.rules import policies

START = datetime(2026, 11, 26, 1, 20, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (START - timedelta(hours=2), START - timedelta(hours=2) + 15 * MINUTE),
        (START - 15 * MINUTE, START),
        (START - 14 * MINUTE, START),
    ],
)
def test_a_hold_lasts_15_minutes_and_never_past_the_start(now, until):
    assert rules.hold_expires_at(START, now) == until


def test_an_extension_never_goes_past_the_start():
    assert rules.extended_until(START - 20 * MINUTE, START) == START - 15 * MINUTE
    assert rules.extended_until(START - 2 * MINUTE, START) == START


STOP = START - timedelta(days=1)


@pytest.mark.parametrize(
    ("now", "late", "may"),
    [
        (STOP - SECOND, False, True),
        (STOP, False, False),
        (STOP, True, True),
        (START - SECOND, True, True),
        (START, True, False),
    ],
)
def test_cancelling_has_a_deadline(now, late, may):
    assert policies.may_cancel(now, STOP, START, late) is may


@pytest.mark.parametrize(
    ("lapses", "until"),
    [
        ([], None),
        ([10, 5], None),
        ([50, 40, 29], 1),
        ([50, 40, 30], None),
        ([24 * 60, 40, 5], None),
        ([24 * 60 - 1, 40, 5], 25),
    ],
)
def test_three_lapses_within_a_day_cool_down_for_half_an_hour(lapses, until):
    found = rules.cools_down_until([START - minutes * MINUTE for minutes in lapses], START)

    assert found == (START + until * MINUTE if until else None)


def test_the_desk_checks_in_on_the_day_only():
    assert rules.may_check_in(date(2026, 11, 26), date(2026, 11, 26))
    assert not rules.may_check_in(date(2026, 11, 26), date(2026, 11, 25))
