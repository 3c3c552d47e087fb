"""Which places can stand in for one that the clinic took away? Pure policy."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from scheduling.choices import Title

Visit = TypeVar("Visit", bound=Hashable)
Start = TypeVar("Start", bound=Hashable)

MOST_PLACES = 3
KEPT = timedelta(hours=2)
LEAD = timedelta(minutes=30)  # nobody gets there sooner
RANKS = {title: rank for rank, title in enumerate(Title)}  # the highest first


@dataclass(frozen=True)
class Seat:
    """What is compared of a visit or a place: when, in which half-day, with whom, for how much."""

    starts_at: datetime
    half_day: str
    title: str
    fee: Decimal


def is_comparable(lost: Seat, found: Seat) -> bool:
    """Tell whether a place can stand in: the same or a better title, for the same price.

    Source: docs/flows/leave.md.
    """
    return RANKS[Title(found.title)] <= RANKS[Title(lost.title)] and found.fee == lost.fee


def nearness(lost: Seat, found: Seat) -> tuple[bool, timedelta, datetime]:
    """Order places by how well they stand in: the same half-day first, then the nearest."""
    other_half = found.half_day != lost.half_day
    return other_half, abs(found.starts_at - lost.starts_at), found.starts_at


def kept_until(starts_at: datetime, now: datetime) -> datetime:
    """Tell until when a place is kept for somebody: two hours, never past its start."""
    return min(now + KEPT, starts_at)


def share(places: int, waiting: int) -> int:
    """Tell how many of so many places one of so many who wait is given: one to three.

    Where places are short, everybody gets one before anybody gets a second, and those whose visit
    was the earliest choose first: they have the least time left. Source: docs/flows/leave.md.
    """
    return min(MOST_PLACES, max(1, places // waiting))


def shared_out(
    wishes: Sequence[tuple[Visit, Sequence[Start]]], places: Mapping[Start, int]
) -> dict[Visit, list[Start]]:
    """Give every visit, in order, its share of the starts that fit it, the best first."""
    left = dict(places)
    given: dict[Visit, list[Start]] = {}
    for turn, (visit, starts) in enumerate(wishes):
        free = [start for start in starts if left[start] > 0]
        most = share(sum(left[start] for start in free), len(wishes) - turn)
        given[visit] = free[:most]
        for start in given[visit]:
            left[start] -= 1
    return given
