"""What does a tier allow, and which tiers are there?"""

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Sum

from members.choices import PointReason, TierChangeKind
from members.models import Member, PointEntry, Privilege, Tier, TierChange
from members.rules.privileges import PRIVILEGES
from members.rules.tiers import COUNTED, YEAR, Threshold

FRESH_SECONDS = 1.0  # after a change elsewhere, this long a process may tell the old value


@dataclass(frozen=True)
class Said:
    """One value of a privilege, and from when it holds."""

    key: str
    value: Any
    valid_from: datetime


@dataclass(frozen=True)
class _Table:
    """All that is said of all tiers, oldest first, by tier id and key; tiers by rank."""

    ranks: tuple[int, ...]
    said: Mapping[int, Mapping[str, tuple[Said, ...]]]

    def latest(self, tier_id: int, key: str, at: datetime) -> Said | None:
        rows = self.said.get(tier_id, {}).get(key, ())
        return next((row for row in reversed(rows) if row.valid_from <= at), None)

    def value(self, tier_id: int, key: str, at: datetime) -> Any:
        said = self.latest(tier_id, key, at)
        return said.value if said else PRIVILEGES[key].read(PRIVILEGES[key].default)


@dataclass
class _Memory:
    """The table as this process read it last. Nothing in it is about a person."""

    table: _Table | None = None
    read_at: float = 0.0
    changes: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)


_memory = _Memory()


def forget_privileges() -> None:
    """Read the table anew at the next question; called after every change of tiers."""
    with _memory.guard:
        _memory.table, _memory.changes = None, _memory.changes + 1


def entry_tier() -> Tier:
    """Return the tier in which everybody starts.

    Raises: Tier.DoesNotExist.
    """
    return Tier.objects.order_by("rank")[:1].get()


def tiers() -> list[Tier]:
    """Return all tiers, the entry tier first."""
    return list(Tier.objects.order_by("rank"))


def privilege(member: Member | None, key: str, at: datetime) -> Any:
    """Tell what a member's tier allows at an instant; without a member, what the entry tier does.

    The one way to ask. The value has the type that PRIVILEGES gives its kind. No query, unless
    the table was read more than a second ago.
    """
    table = _table()
    return table.value(_tier_id(table, member), key, at)


def privileges(member: Member | None, at: datetime) -> Mapping[str, Any]:
    """Tell all that a member's tier allows at an instant, by key."""
    table = _table()
    tier_id = _tier_id(table, member)
    return {key: table.value(tier_id, key, at) for key in PRIVILEGES}


def most_allowed(key: str, at: datetime) -> Any:
    """Tell the most that any tier allows of a privilege at an instant."""
    table = _table()
    return max(table.value(tier_id, key, at) for tier_id in table.ranks or (0,))


def privileges_by_tier(at: datetime) -> Mapping[int, Mapping[str, Any]]:
    """Tell what each tier allows at an instant, by tier id and key; the entry tier first."""
    table = _table()
    return {
        tier_id: {key: table.value(tier_id, key, at) for key in PRIVILEGES}
        for tier_id in table.ranks
    }


def tiers_allowed(key: str, at: datetime) -> list[str]:
    """Name the tiers that allow something, the lowest first. One query, beside the table's."""
    table = _table()
    return [tier.name for tier in Tier.objects.order_by("rank") if table.value(tier.pk, key, at)]


def allowed_by_rank(key: str, at: datetime) -> Mapping[int, Any]:
    """Tell what each tier above the entry tier allows of a privilege, by the tier's rank.

    One query, beside those of the table.
    """
    table = _table()
    above = Tier.objects.order_by("rank").values_list("id", "rank")[1:]
    return {rank: table.value(tier_id, key, at) for tier_id, rank in above}


def benefits(at: datetime) -> list[tuple[Any, list[Any]]]:
    """Tell for each privilege that staff has set what each tier allows, the entry tier first.

    Label and values in words.
    """
    table = _table()
    return [
        (kind.label, [kind.shown(table.value(tier_id, key, at)) for tier_id in table.ranks])
        for key, kind in PRIVILEGES.items()
        if any(table.latest(tier_id, key, at) for tier_id in table.ranks)
    ]


def held_since(tier: Tier, key: str, at: datetime) -> datetime | None:
    """Tell since when the value at an instant holds; None where it is the default."""
    said = _table().latest(tier.pk, key, at)
    return said.valid_from if said else None


def held_until(tier: Tier, key: str, at: datetime) -> datetime | None:
    """Tell when staff has planned another value; None where nothing is planned."""
    rows = _table().said.get(tier.pk, {}).get(key, ())
    return next((row.valid_from for row in rows if row.valid_from > at), None)


def planned_privileges(at: datetime) -> list[Privilege]:
    """Return what is to hold later than an instant, soonest first, each with its tier."""
    rows = Privilege.objects.filter(valid_from__gt=at).select_related("tier")
    return list(rows.order_by("valid_from", "tier__rank", "key"))


def ladder() -> list[Threshold]:
    """Return the ladder of tiers as its rules know it, the entry tier first. One query."""
    return [Threshold(tier.pk, tier.points_from) for tier in tiers()]


def points_of_year(member: Member, now: datetime) -> int:
    """Tell how many points count for a member's tier: of the last 365 days. One query."""
    return points_by_member([member.pk], now).get(member.pk, 0)


def points_by_member(member_ids: Iterable[int] | None, now: datetime) -> dict[int, int]:
    """Tell how many points count for tiers, by member id; those without any are left out.

    Of all members where no ids are given. One query.
    """
    rows = PointEntry.objects.filter(reason__in=COUNTED, at__gt=now - YEAR, at__lte=now)
    if member_ids is None:
        rows = rows.filter(member__erased_at=None)
    else:
        rows = rows.filter(member__in=list(member_ids))
    sums = rows.order_by().values("member").annotate(points=Sum("amount"))
    return {member: max(points, 0) for member, points in sums.values_list("member", "points")}


def oldest_counted(member: Member, now: datetime) -> PointEntry | None:
    """Return the earned points that stop counting for the tier first."""
    rows = PointEntry.objects.filter(
        member=member, reason=PointReason.EARNED, at__gt=now - YEAR, at__lte=now
    )
    return rows.order_by("at", "seq").first()


def tier_history(member: Member) -> list[TierChange]:
    """Return how a member came into the tiers, latest first, each with both tiers."""
    rows = TierChange.objects.filter(member=member).select_related("from_tier", "to_tier")
    return list(rows.order_by("-at", "-id"))


def base_tier_id(member: Member) -> int:
    """Tell which tier a member with a grant holds besides it, as the history says."""
    changes = TierChange.objects.filter(member=member).order_by("-at", "-id")
    earned = changes.exclude(kind=TierChangeKind.GRANTED).values_list("to_tier_id", flat=True)
    granted = changes.filter(kind=TierChangeKind.GRANTED).values_list("from_tier_id", flat=True)
    return earned.first() or granted.last() or entry_tier().pk


def _tier_id(table: _Table, member: Member | None) -> int:
    if member is not None:
        return member.tier_id
    return table.ranks[0] if table.ranks else 0


def _table() -> _Table:
    """Return the table as it was at most a second ago."""
    table = _memory.table
    if table is not None and time.monotonic() - _memory.read_at < FRESH_SECONDS:
        return table
    before, asked_at = _memory.changes, time.monotonic()
    table = _read_table()
    with _memory.guard:
        if _memory.changes == before:  # else what was read may be older than the change
            _memory.table, _memory.read_at = table, asked_at
    return table


def _read_table() -> _Table:
    """Read all tiers and all that is said of them. Two queries."""
    ranks = tuple(Tier.objects.order_by("rank").values_list("id", flat=True))
    said: dict[int, dict[str, list[Said]]] = {tier_id: {} for tier_id in ranks}
    rows = Privilege.objects.order_by("valid_from", "id")
    for tier_id, key, value, since in rows.values_list("tier_id", "key", "value", "valid_from"):
        if (kind := PRIVILEGES.get(key)) is not None:
            row = Said(key, kind.read(value), since)
            said.setdefault(tier_id, {}).setdefault(key, []).append(row)
    return _Table(
        ranks,
        {tier: {key: tuple(rows) for key, rows in keys.items()} for tier, keys in said.items()},
    )
