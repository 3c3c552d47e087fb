"""Does a review promote at once, demote late and fairly, and change nothing the second time?"""

from datetime import UTC, datetime, timedelta

import pytest

from members.choices import TierChangeKind
from members.rules.tiers import (
    NOTICE,
    YEAR,
    Standing,
    Threshold,
    deserved,
    is_above,
    is_increasing,
    next_threshold,
    review,
)

MEMBER, SILVER, GOLD, JADE = 1, 2, 3, 4
LADDER = [
    Threshold(MEMBER, 0),
    Threshold(SILVER, 300),
    Threshold(GOLD, 1000),
    Threshold(JADE, 3000),
]
NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def gold(**fields):
    return Standing(**{"tier_id": GOLD, "base_id": GOLD, "tier_until": NOW + YEAR, **fields})


def jade_granted(until, **fields):
    return gold(tier_id=JADE, granted_until=until, **fields)


@pytest.mark.parametrize(
    ("points", "tier"),
    [
        (0, MEMBER),
        (299, MEMBER),
        (300, SILVER),
        (999, SILVER),
        (1000, GOLD),
        (2999, GOLD),
        (3000, JADE),
        (10**9, JADE),
    ],
)
def test_points_deserve_a_tier(points, tier):
    assert deserved(LADDER, points).tier_id == tier


def test_promotes_at_once_over_several_tiers_and_for_a_year():
    verdict = review(LADDER, Standing(MEMBER, MEMBER), 1000, NOW)

    assert verdict.kind == TierChangeKind.PROMOTED
    assert verdict.standing == gold()


def test_promotes_nobody_for_one_point_less():
    assert review(LADDER, Standing(SILVER, SILVER, NOW + YEAR), 999, NOW).kind is None


def test_says_nothing_before_the_month_of_notice():
    standing = gold(tier_until=NOW + NOTICE + MOMENT)

    verdict = review(LADDER, standing, 999, NOW)

    assert (verdict.standing, verdict.is_notice) == (standing, False)


def test_gives_notice_thirty_days_before_the_end_of_the_year():
    ends_at = NOW + NOTICE

    verdict = review(LADDER, gold(tier_until=ends_at), 999, NOW)

    assert (verdict.standing.demotion_at, verdict.is_notice) == (ends_at, True)
    assert (verdict.standing.tier_id, verdict.kind) == (GOLD, None)


def test_a_late_review_still_gives_thirty_days():
    verdict = review(LADDER, gold(tier_until=NOW - timedelta(days=40)), 0, NOW)

    assert verdict.standing.demotion_at == NOW + NOTICE


def test_demotes_when_the_notice_is_over_and_not_a_moment_before():
    told = gold(tier_until=NOW, demotion_at=NOW)

    before = review(LADDER, told, 400, NOW - MOMENT)
    then = review(LADDER, told, 400, NOW)

    assert before.kind is None
    assert (then.kind, then.standing) == (
        TierChangeKind.DEMOTED,
        Standing(SILVER, SILVER, NOW + YEAR),
    )


def test_the_entry_tier_has_no_year():
    verdict = review(LADDER, gold(tier_until=NOW, demotion_at=NOW), 0, NOW)

    assert verdict.standing == Standing(MEMBER, MEMBER)


def test_points_reached_in_time_take_the_notice_back():
    told = gold(tier_until=NOW + NOTICE, demotion_at=NOW + NOTICE)

    verdict = review(LADDER, told, 1000, NOW)

    assert (verdict.kind, verdict.standing) == (None, gold(tier_until=NOW + NOTICE))


@pytest.mark.parametrize(
    ("ended", "renewed"),
    [(NOW, NOW + YEAR), (NOW - 2 * YEAR, NOW + YEAR), (NOW + MOMENT, NOW + MOMENT)],
)
def test_a_year_is_renewed_while_the_points_suffice(ended, renewed):
    verdict = review(LADDER, gold(tier_until=ended), 1000, NOW)

    assert (verdict.kind, verdict.standing.tier_until) == (None, renewed)


def test_a_tier_without_a_year_gets_one():
    assert review(LADDER, gold(tier_until=None), 0, NOW).standing == gold()


def test_a_grant_keeps_the_tier_until_it_ends():
    standing = jade_granted(NOW + MOMENT, tier_until=NOW - YEAR)

    assert review(LADDER, standing, 0, NOW).standing == standing


def test_after_a_grant_comes_what_was_held_besides_it():
    verdict = review(LADDER, jade_granted(NOW), 0, NOW)

    assert (verdict.kind, verdict.standing) == (TierChangeKind.GRANT_ENDED, gold())


@pytest.mark.parametrize(("points", "tier"), [(299, MEMBER), (300, SILVER), (1000, GOLD)])
def test_after_a_grant_longer_than_the_year_the_points_decide(points, tier):
    verdict = review(LADDER, jade_granted(NOW, tier_until=NOW), points, NOW)

    assert (verdict.kind, verdict.standing.tier_id) == (TierChangeKind.GRANT_ENDED, tier)


def test_a_grant_ends_in_silence_where_the_points_deserve_the_tier():
    verdict = review(LADDER, jade_granted(NOW), 3000, NOW)

    assert (verdict.kind, verdict.standing) == (None, Standing(JADE, JADE, NOW + YEAR))


def test_more_points_than_a_grant_promise_end_it():
    standing = Standing(SILVER, MEMBER, None, granted_until=NOW + YEAR)

    verdict = review(LADDER, standing, 1000, NOW)

    assert (verdict.kind, verdict.standing) == (TierChangeKind.PROMOTED, gold())


STANDINGS = [
    Standing(tier, base, until, demotion, granted)
    for tier in (MEMBER, SILVER, GOLD, JADE)
    for base in ((tier,) if tier == MEMBER else (tier, tier - 1))
    for until in (None, NOW - YEAR, NOW, NOW + timedelta(days=10), NOW + YEAR)
    for demotion in (None, NOW, NOW + NOTICE)
    for granted in ((None,) if tier == base else (NOW, NOW + YEAR))
]


@pytest.mark.parametrize("points", [0, 299, 300, 1000, 3000])
def test_a_second_review_changes_nothing_and_nobody_falls_too_low(points):
    for standing in STANDINGS:
        verdict = review(LADDER, standing, points, NOW)
        again = review(LADDER, verdict.standing, points, NOW)

        assert (again.standing, again.kind, again.is_notice) == (verdict.standing, None, False)
        assert verdict.standing.tier_id >= deserved(LADDER, points).tier_id


@pytest.mark.parametrize(
    ("points", "goes_up"),
    [
        ([0, 300, 1000], True),
        ([0, 300, 300], False),
        ([0, 1000, 300], False),
        ([1, 2], False),
        ([0], True),
        ([], False),
    ],
)
def test_tiers_ask_for_more_the_higher_they_are(points, goes_up):
    ladder = [Threshold(rank, points_from) for rank, points_from in enumerate(points)]

    assert is_increasing(ladder) is goes_up


def test_tiers_are_compared_and_follow_one_another():
    assert is_above(LADDER, GOLD, MEMBER, SILVER)
    assert not is_above(LADDER, GOLD, MEMBER, GOLD)
    assert next_threshold(LADDER, SILVER) == Threshold(GOLD, 1000)
    assert next_threshold(LADDER, JADE) is None
