"""Are places, ages, consents and missed visits counted as the rules say, at both sides of each?"""

from datetime import UTC, date, datetime, timedelta

import pytest

from members.rules.family import (
    age_on,
    asks_own_consent_on,
    birthday,
    consent_holds,
    counting_removals,
    is_minor,
    is_told,
    next_place_at,
)
from members.rules.strikes import is_one_of_three

NOW = datetime(2026, 11, 28, 8, tzinfo=UTC)
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)


def test_a_removed_place_counts_for_thirty_days():
    assert counting_removals([NOW - 30 * DAY], NOW) == []
    assert counting_removals([NOW - 30 * DAY + TICK], NOW) == [NOW - 30 * DAY + TICK]


@pytest.mark.parametrize(
    ("standing", "removed_days_ago", "waits_days"),
    [
        (0, [], None),
        (5, [], None),
        (5, [30], None),
        (5, [29], 1),
        (5, [1, 29], 29),
        (4, [1, 29], 1),
        (4, [1], None),
        (1, [1, 2, 3, 4, 29], 1),
        (0, [1, 2, 3, 4, 5, 29], 1),
    ],
)
def test_tells_when_the_next_place_falls_free(standing, removed_days_ago, waits_days):
    removed = [NOW - days * DAY for days in removed_days_ago]

    at = next_place_at(standing=standing, removed_at=removed, now=NOW)

    assert at == (None if waits_days is None else NOW + waits_days * DAY)


def test_waiting_frees_no_place_that_is_in_use():
    with pytest.raises(ValueError, match="in use"):
        next_place_at(standing=6, removed_at=[], now=NOW)


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2008, 11, 28), date(2026, 11, 27), 17),
        (date(2008, 11, 28), date(2026, 11, 28), 18),
        (date(2026, 11, 28), date(2026, 11, 28), 0),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2008, 2, 29), date(2028, 2, 28), 19),
        (date(2008, 2, 29), date(2028, 2, 29), 20),
    ],
)
def test_counts_completed_years(born, day, age):
    assert age_on(day, born) == age
    assert is_minor(born, day) == (age < 18)


def test_the_birthday_of_a_leap_day_is_the_first_of_march():
    assert birthday(date(2008, 2, 29), 18) == date(2026, 3, 1)


BORN, EIGHTEENTH = date(2008, 11, 28), date(2026, 11, 28)


@pytest.mark.parametrize(
    ("relation", "consent", "consent_on", "born", "day", "holds"),
    [
        ("child", "declared", date(2020, 1, 1), BORN, EIGHTEENTH - DAY, True),
        ("child", "declared", date(2020, 1, 1), BORN, EIGHTEENTH, False),
        ("child", "given", date(2020, 1, 1), BORN, EIGHTEENTH, False),
        ("child", "given", EIGHTEENTH - DAY, BORN, EIGHTEENTH, False),
        ("child", "given", EIGHTEENTH, BORN, EIGHTEENTH, True),
        ("child", "declared", EIGHTEENTH, BORN, EIGHTEENTH, True),
        ("child", "withdrawn", EIGHTEENTH, BORN, EIGHTEENTH, False),
        ("parent", "declared", date(2020, 1, 1), date(1960, 1, 1), EIGHTEENTH, True),
        ("parent", "withdrawn", date(2020, 1, 1), date(1960, 1, 1), EIGHTEENTH, False),
        ("other", "declared", date(2020, 1, 1), BORN, EIGHTEENTH, False),
        ("self", "given", date(2020, 1, 1), BORN, EIGHTEENTH, True),
        ("self", "withdrawn", date(2020, 1, 1), BORN, EIGHTEENTH, False),
        ("other", "declared", date(2020, 1, 1), None, EIGHTEENTH, True),
    ],
)
def test_a_guardians_word_ends_at_eighteen(relation, consent, consent_on, born, day, holds):
    assert (
        consent_holds(relation=relation, consent=consent, consent_on=consent_on, born=born, day=day)
        == holds
    )


@pytest.mark.parametrize(
    ("relation", "consent_on", "born", "day"),
    [
        ("child", EIGHTEENTH - DAY, BORN, EIGHTEENTH),
        ("child", EIGHTEENTH, BORN, None),
        ("self", date(2020, 1, 1), BORN, None),
        ("child", date(2020, 1, 1), None, None),
    ],
)
def test_tells_on_which_day_the_patients_own_word_is_needed(relation, consent_on, born, day):
    assert asks_own_consent_on(relation=relation, consent_on=consent_on, born=born) == day


@pytest.mark.parametrize(
    ("days_before", "told"), [(31, False), (30, True), (1, True), (0, False), (-1, False)]
)
def test_a_member_hears_of_it_within_thirty_days_before(days_before, told):
    assert is_told(EIGHTEENTH, EIGHTEENTH - days_before * DAY) == told
    assert not is_told(None, EIGHTEENTH - days_before * DAY)


@pytest.mark.parametrize(
    ("days_ago", "is_third"),
    [
        ([], False),
        ([0, 1], False),
        ([0, 1, 2], True),
        ([0, 1, 89], True),
        ([0, 1, 90], False),
        ([0, 1, 90, 91], False),
        ([-1, 0, 1], True),
    ],
)
def test_three_missed_visits_within_ninety_days_pause_booking(days_ago, is_third):
    assert is_one_of_three([NOW - days * DAY for days in days_ago], NOW) == is_third


@pytest.mark.parametrize(
    ("noted", "others", "is_third"),
    [
        (10, [9, 2], True),
        (10, [50, 2], True),
        (10, [98, 9], True),
        (10, [99, 9], False),
        (10, [2], False),
        (60, [100, 0], False),
        (89, [2, 0], True),
        (90, [2, 0], False),
    ],
)
def test_three_missed_visits_pause_in_whatever_order_they_are_noted(noted, others, is_third):
    missed = [NOW - days * DAY for days in (*others, noted)]

    assert is_one_of_three(missed, NOW - noted * DAY) == is_third
