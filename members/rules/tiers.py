"""In which tier does a member belong, and when does a review say so?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from members.choices import PointReason, TierChangeKind

# Source: the tier agreement. A tier is a matter of the points of 365 days; once reached it is
# kept for as long; who loses it hears of it 30 days before.
YEAR = timedelta(days=365)
NOTICE = timedelta(days=30)
LONGEST_GRANT = timedelta(days=2 * 365 + 1)
# What counts for the tier: visits, less refunds. Spending and expiry cost nothing here, and
# points that staff adds by hand buy no tier: for that there are grants, with a date and a reason.
COUNTED = (PointReason.EARNED, PointReason.TAKEN_BACK)


@dataclass(frozen=True)
class Threshold:
    """A tier, and from how many points on it is deserved."""

    tier_id: int
    points_from: int


@dataclass(frozen=True)
class Standing:
    """Where a member stands before a review; `base` is the tier held besides any grant."""

    tier_id: int
    base_id: int
    tier_until: datetime | None = None
    demotion_at: datetime | None = None
    granted_until: datetime | None = None


@dataclass(frozen=True)
class Verdict:
    """Where a review puts a member; `kind` names the change of tier, where there is one."""

    standing: Standing
    kind: TierChangeKind | None = None
    is_notice: bool = False


def deserved(ladder: Sequence[Threshold], points: int) -> Threshold:
    """Tell which tier so many points deserve; the first one needs none. Source: the agreement."""
    return [ladder[0], *(step for step in ladder[1:] if step.points_from <= points)][-1]


def next_threshold(ladder: Sequence[Threshold], tier_id: int) -> Threshold | None:
    """Tell which tier comes after one; None after the last."""
    place = _place(ladder, tier_id)
    return ladder[place + 1] if place + 1 < len(ladder) else None


def review(ladder: Sequence[Threshold], standing: Standing, points: int, now: datetime) -> Verdict:
    """Tell what follows from the points of the last 365 days.

    Up at once. Down only at the end of the tier's year, and 30 days after the notice at the
    soonest, however many reviews were missed; a grant keeps the tier until it ends, and then the
    member falls back to what was held besides it. Nobody falls below what the points deserve.
    Asked again with its own answer it changes nothing. Source: the tier agreement.
    """
    earned = deserved(ladder, points).tier_id
    if _place(ladder, earned) > _place(ladder, standing.tier_id):
        return Verdict(Standing(earned, earned, now + YEAR), TierChangeKind.PROMOTED)
    if standing.granted_until is None:
        return _review_earned(ladder, standing, earned, now)
    if standing.granted_until > now:
        return Verdict(standing)
    return _end_grant(ladder, standing, earned, now)


def is_above(ladder: Sequence[Threshold], tier_id: int, *others: int) -> bool:
    """Tell whether a tier is higher than each of some others. Source: the agreement."""
    return all(_place(ladder, tier_id) > _place(ladder, other) for other in others)


def is_increasing(ladder: Sequence[Threshold]) -> bool:
    """Tell whether each tier asks for more points than the one before, and the first for none."""
    points = [step.points_from for step in ladder]
    return points[:1] == [0] and all(low < high for low, high in pairwise(points))


def _review_earned(
    ladder: Sequence[Threshold], standing: Standing, earned: int, now: datetime
) -> Verdict:
    tier_id = standing.tier_id
    if tier_id == ladder[0].tier_id:
        return Verdict(Standing(tier_id, tier_id))
    until = standing.tier_until or now + YEAR
    if earned == tier_id:
        return Verdict(Standing(tier_id, tier_id, _renewed(until, now)))
    if standing.demotion_at is not None and standing.demotion_at <= now:
        return Verdict(_begun(ladder, earned, now), TierChangeKind.DEMOTED)
    if standing.demotion_at is not None or until > now + NOTICE:
        return Verdict(Standing(tier_id, tier_id, until, standing.demotion_at))
    ends_at = max(until, now + NOTICE)
    return Verdict(Standing(tier_id, tier_id, until, ends_at), is_notice=True)


def _end_grant(
    ladder: Sequence[Threshold], standing: Standing, earned: int, now: datetime
) -> Verdict:
    is_kept = standing.tier_until is not None and standing.tier_until > now
    base = standing.base_id if is_kept else earned
    back_to = max(base, earned, key=lambda tier_id: _place(ladder, tier_id))
    until = standing.tier_until if is_kept and back_to == standing.base_id else None
    verdict = _review_earned(ladder, Standing(back_to, back_to, until), earned, now)
    if back_to == standing.tier_id:
        return verdict
    return replace(verdict, kind=TierChangeKind.GRANT_ENDED)


def _begun(ladder: Sequence[Threshold], tier_id: int, now: datetime) -> Standing:
    """Begin a tier's year; the entry tier has none."""
    is_entry = tier_id == ladder[0].tier_id
    return Standing(tier_id, tier_id, None if is_entry else now + YEAR)


def _renewed(until: datetime, now: datetime) -> datetime:
    """Begin another year where one has ended; years that no review saw are made up for."""
    while until <= now:
        until += YEAR
    return until


def _place(ladder: Sequence[Threshold], tier_id: int) -> int:
    return [step.tier_id for step in ladder].index(tier_id)
