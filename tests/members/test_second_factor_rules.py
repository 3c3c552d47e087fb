"""When is a code of an authenticator app good?"""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from members.rules.second_factor import code_at, matching_step, plain_code, step_of, wait_until

# The test vectors of RFC 6238, appendix B, cut to 6 digits.
SECRET = base64.b32encode(b"12345678901234567890").decode()
NOW = datetime(2026, 11, 27, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(second, code):
    assert code_at(SECRET, second // 30) == code


@pytest.mark.parametrize(
    ("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_phone_may_be_half_a_minute_off(steps, good):
    code = code_at(SECRET, step_of(NOW) + steps)

    assert (matching_step(SECRET, code, now=NOW, last_step=None) is not None) == good


@pytest.mark.parametrize(("used", "good"), [(-1, True), (0, False), (1, False)])
def test_a_step_is_good_once_and_none_before_it(used, good):
    code = code_at(SECRET, step_of(NOW))
    last = step_of(NOW) + used

    assert (matching_step(SECRET, code, now=NOW, last_step=last) is not None) == good


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "٠٠٠٠٠٠", "\x00" * 6])
def test_what_is_no_code_matches_nothing(code):
    assert matching_step(SECRET, code, now=NOW, last_step=None) is None


@pytest.mark.parametrize(
    ("failures", "minutes"), [(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (10, 32), (11, 60), (500, 60)]
)
def test_the_wait_doubles_from_the_fifth_failure_to_an_hour(failures, minutes):
    assert wait_until(failures, NOW) == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize("typed", ["ABCDE 12340", "abcde-1234o", " abcdeI2340 "])
def test_a_recovery_code_is_read_as_people_write(typed):
    assert plain_code(typed) == "ABCDE12340"


def test_what_no_code_holds_is_read_as_nothing():
    assert plain_code("１２３４５６") == ""
