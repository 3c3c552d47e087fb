"""What does a tier allow, and which tiers are there?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from members.models import Member, Privilege, Tier
from members.rules.privileges import PRIVILEGES


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

    The value has the type that PRIVILEGES gives its kind. One query.
    """
    return privileges(member, at)[key]


def privileges(member: Member | None, at: datetime) -> Mapping[str, Any]:
    """Tell all that a member's tier allows at an instant, by key.

    One query; none when the same object is asked again about the same instant.
    """
    if member is None:
        return _latest(Privilege.objects.filter(tier__in=_entry_tiers()), at)
    asked = (member.tier_id, at)
    known = member.__dict__.get("_privileges")
    if known is None or known[0] != asked:
        known = (asked, _latest(Privilege.objects.filter(tier_id=member.tier_id), at))
        member.__dict__["_privileges"] = known
    said: Mapping[str, Any] = known[1]
    return said


def _latest(rows: QuerySet[Privilege], at: datetime) -> Mapping[str, Any]:
    valid = rows.filter(valid_from__lte=at).order_by("valid_from", "id")
    return _read(dict(valid.values_list("key", "value")))


def _entry_tiers() -> QuerySet[Tier, Any]:
    return Tier.objects.order_by("rank").values("id")[:1]


def most_allowed(key: str, at: datetime) -> Any:
    """Tell the most that any tier allows of a privilege at an instant. One query."""
    kind = PRIVILEGES[key]
    rows = Privilege.objects.filter(key=key, valid_from__lte=at).order_by("valid_from", "id")
    latest = dict(rows.values_list("tier_id", "value"))
    return max(kind.read(value) for value in (kind.default, *latest.values()))


def privileges_by_tier(at: datetime) -> Mapping[int, Mapping[str, Any]]:
    """Tell what each tier allows at an instant, by tier id and key. Two queries."""
    said: dict[int, dict[str, str]] = {tier.id: {} for tier in tiers()}
    rows = Privilege.objects.filter(valid_from__lte=at).order_by("valid_from", "id")
    for tier_id, key, value in rows.values_list("tier_id", "key", "value"):
        said[tier_id][key] = value
    return {tier_id: _read(latest) for tier_id, latest in said.items()}


def benefits(at: datetime) -> list[tuple[Any, list[Any]]]:
    """Tell for each privilege that staff has set what each tier allows, the entry tier first.

    Label and values in words. Three queries, whatever the number of tiers.
    """
    of_tiers = list(privileges_by_tier(at).values())
    said = set(Privilege.objects.filter(valid_from__lte=at).values_list("key", flat=True))
    return [
        (kind.label, [kind.shown(allowed[key]) for allowed in of_tiers])
        for key, kind in PRIVILEGES.items()
        if key in said
    ]


def _read(latest: Mapping[str, str]) -> Mapping[str, Any]:
    return {key: kind.read(latest.get(key, kind.default)) for key, kind in PRIVILEGES.items()}
