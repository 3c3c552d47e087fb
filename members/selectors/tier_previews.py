"""What holds, what is planned, and whom would a change of tiers move?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from members.models import Member, Privilege, Tier
from members.rules.privileges import PRIVILEGES, PrivilegeKind
from members.rules.tiers import Threshold, deserved
from members.selectors.tiers import (
    ladder,
    planned_privileges,
    points_by_member,
    privileges_by_tier,
    tiers,
)


@dataclass(frozen=True)
class Planned:
    """A value to come, in words."""

    row: Privilege
    before: Any
    after: Any


@dataclass(frozen=True)
class Cell:
    """What one tier allows of one privilege now, and next."""

    shown: Any
    to_come: Planned | None = None


@dataclass(frozen=True)
class TierMove:
    """How many members one tier would have, by points, before and after a change."""

    tier: Tier
    points_before: int
    points_after: int
    members_before: int
    members_after: int


@dataclass(frozen=True)
class Moves:
    """Whom new thresholds would move."""

    up: int
    down: int
    tiers: list[TierMove]


def table_of_privileges(at: datetime) -> list[tuple[PrivilegeKind, list[Cell]]]:
    """Tell of every privilege what each tier allows, the entry tier first. One query."""
    by_tier = privileges_by_tier(at)
    to_come = {(one.row.tier_id, one.row.key): one for one in reversed(planned(at))}
    return [
        (
            kind,
            [
                Cell(kind.shown(allowed[key]), to_come.get((tier_id, key)))
                for tier_id, allowed in by_tier.items()
            ],
        )
        for key, kind in PRIVILEGES.items()
    ]


def planned(at: datetime) -> list[Planned]:
    """Tell what is to change, soonest first, each with what it follows. One query."""
    latest = {tier_id: dict(allowed) for tier_id, allowed in privileges_by_tier(at).items()}
    found = []
    for row in planned_privileges(at):
        kind, allowed = PRIVILEGES[row.key], latest.setdefault(row.tier_id, {})
        before = allowed.get(row.key, kind.read(kind.default))
        allowed[row.key] = kind.read(row.value)
        found.append(Planned(row, kind.shown(before), kind.shown(allowed[row.key])))
    return found


def preview_privilege(row: Privilege) -> Planned:
    """Tell what a value that is not written yet would change. No query that it needs alone."""
    kind = PRIVILEGES[row.key]
    before = privileges_by_tier(row.valid_from)[row.tier_id][row.key]
    return Planned(row, kind.shown(before), kind.shown(kind.read(row.value)))


def members_of(tier: Tier) -> int:
    """Count who has a tier."""
    return Member.objects.filter(tier=tier, erased_at=None).count()


def preview_thresholds(wanted: Sequence[Threshold], now: datetime) -> Moves:
    """Tell whom other thresholds move, by the points of the last 365 days. Four queries.

    Compared is what the points deserve before and after, so that nobody counts who moves anyway.
    """
    present, points = ladder(), Counter(points_by_member(None, now).values())
    points[0] += Member.objects.filter(erased_at=None).count() - points.total()
    before, after = Counter[int](), Counter[int]()
    up = down = 0
    for amount, count in points.items():
        was, will = deserved(present, amount), deserved(wanted, amount)
        before[was.tier_id] += count
        after[will.tier_id] += count
        places = [step.tier_id for step in wanted]
        up += count * (places.index(will.tier_id) > places.index(was.tier_id))
        down += count * (places.index(will.tier_id) < places.index(was.tier_id))
    rows = [
        TierMove(tier, tier.points_from, step.points_from, before[tier.pk], after[tier.pk])
        for tier, step in zip(tiers(), wanted, strict=True)
    ]
    return Moves(up, down, rows)
