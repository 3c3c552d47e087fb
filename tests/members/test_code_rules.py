"""Are the limits on codes and on failures right on both sides of each boundary?"""

from datetime import UTC, datetime, timedelta

import pytest

from members.rules import codes, lockout

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
HOUR = codes.Limit(5, timedelta(hours=1))


@pytest.mark.parametrize(
    ("ago", "seconds"), [(0, 3600), (3599, 1), (3600, 0), (3601, 0), (-5, 3605), (None, 0)]
)
def test_a_limit_waits_until_its_oldest_code_is_out_of_sight(ago, seconds):
    sent = None if ago is None else NOW - timedelta(seconds=ago)

    assert codes.wait(HOUR, sent, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("tries", "is_used", "left", "is_good"),
    [
        (0, False, 1, True),
        (4, False, 1, True),
        (5, False, 1, False),
        (0, True, 1, False),
        (0, False, 0, False),
        (0, False, -1, False),
    ],
)
def test_a_good_code_is_unused_in_time_and_has_a_try_left(tries, is_used, left, is_good):
    expires_at = NOW + timedelta(seconds=left)

    said = codes.is_good(expires_at=expires_at, tries=tries, is_used=is_used, now=NOW)

    assert said == is_good


@pytest.mark.parametrize(("days", "is_idle"), [(89, False), (90, False), (90.001, True)])
def test_an_account_is_idle_after_ninety_days(days, is_idle):
    assert codes.is_idle(NOW - timedelta(days=days), NOW) == is_idle


def test_the_ending_of_a_document_has_six_characters():
    assert codes.ending("11010519491231002X") == "31002X"


@pytest.mark.parametrize(
    ("axis", "failures", "minutes"),
    [
        (lockout.ACCOUNT_AT_PLACE, 0, 0),
        (lockout.ACCOUNT_AT_PLACE, 4, 0),
        (lockout.ACCOUNT_AT_PLACE, 5, 1),
        (lockout.ACCOUNT_AT_PLACE, 6, 2),
        (lockout.ACCOUNT_AT_PLACE, 10, 32),
        (lockout.ACCOUNT_AT_PLACE, 11, 60),
        (lockout.ACCOUNT_AT_PLACE, 10**9, 60),
        (lockout.ACCOUNT, 29, 0),
        (lockout.ACCOUNT, 30, 1),
        (lockout.ACCOUNT, 35, 1),
        (lockout.ACCOUNT, 36, 2),
        (lockout.PLACE, 49, 0),
        (lockout.PLACE, 50, 1),
        (lockout.PLACE, 60, 2),
    ],
)
def test_pauses_double_up_to_an_hour(axis, failures, minutes):
    assert lockout.pause(axis, failures) == timedelta(minutes=minutes)
