"""Which places of a session are kept for the front desk and for tiers, and until when? Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from scheduling.rules.sessions import DESK_RANK, moment


@dataclass(frozen=True)
class ReserveRules:
    """When a department's reserved places fall to all: days before, and a clinic time."""

    days_before: int
    at: time


def reserve_sizes(
    count: int, desk_places: int, shares: Mapping[int, Decimal]
) -> list[tuple[int, int]]:
    """Tell how many of `count` places each rank keeps, the front desk first, then ranks from above.

    A tier's share is rounded down. Together they never exceed the places: where they would, the
    lower ranks get what is left. Source: docs/flows/rosters.md.
    """
    asked = [(DESK_RANK, desk_places)]
    asked += [(rank, int(count * shares[rank])) for rank in sorted(shares, reverse=True)]
    sizes, left = [], count
    for rank, wanted in asked:
        size = min(wanted, left)
        left -= size
        if size:
            sizes.append((rank, size))
    return sizes


def reserved_numbers(numbers: Iterable[int], sizes: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Choose which numbers are kept for which rank: evenly over the session, in order of time.

    Source: docs/flows/rosters.md.
    """
    left = list(numbers)
    kept: dict[int, int] = {}
    for rank, size in sizes:
        chosen = {left[(2 * index + 1) * len(left) // (2 * size)] for index in range(size)}
        kept |= dict.fromkeys(chosen, rank)
        left = [number for number in left if number not in chosen]
    return kept


def reserved_until(
    service_date: date,
    zone: str,
    rules: ReserveRules,
    *,
    release_at: datetime,
    sale_stops_at: datetime,
) -> datetime | None:
    """Tell when reserved places fall to all; at the stop of the sale at the latest.

    None where that is before the release: then nothing is kept.
    """
    falls_at = moment(service_date - timedelta(days=rules.days_before), rules.at, zone)
    until = min(falls_at, sale_stops_at)
    return until if until > release_at else None
