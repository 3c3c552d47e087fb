"""How does a member stand: how far to the next tier, and what would a review say?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from members.models import Member, Tier, TierChange
from members.rules.tiers import YEAR, Threshold, deserved, is_above, next_threshold
from members.selectors.tiers import oldest_counted, points_of_year, tier_history


@dataclass(frozen=True)
class Outlook:
    """A member's points and dates, as the membership page tells them."""

    points: int
    next_tier: Tier | None
    counts_until: datetime | None
    deserved: Tier
    is_up: bool
    is_down: bool
    ends_at: datetime | None
    is_granted: bool
    history: list[TierChange]

    @property
    def missing(self) -> int:
        """Tell how many points the next tier still needs."""
        return max(self.next_tier.points_from - self.points, 0) if self.next_tier else 0


def outlook(member: Member, tiers: Sequence[Tier], now: datetime) -> Outlook:
    """Tell how a member stands at an instant, among all tiers by rank. Three queries."""
    all_tiers = {tier.pk: tier for tier in tiers}
    steps = [Threshold(tier.pk, tier.points_from) for tier in all_tiers.values()]
    points = points_of_year(member, now)
    earned = deserved(steps, points).tier_id
    above = next_threshold(steps, member.tier_id)
    oldest = oldest_counted(member, now) if points else None
    is_granted = member.granted_until is not None
    return Outlook(
        points=points,
        next_tier=all_tiers[above.tier_id] if above else None,
        counts_until=oldest.at + YEAR if oldest else None,
        deserved=all_tiers[earned],
        is_up=is_above(steps, earned, member.tier_id),
        is_down=is_above(steps, member.tier_id, earned),
        ends_at=_last_moment(member),
        is_granted=is_granted,
        history=tier_history(member),
    )


def _last_moment(member: Member) -> datetime | None:
    """Tell when the tier ends; a grant is over at midnight, so the day before is its last."""
    if member.granted_until is not None:
        return member.granted_until - timedelta(seconds=1)
    return member.demotion_at or member.tier_until
