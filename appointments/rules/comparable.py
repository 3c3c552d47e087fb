"""Which places can stand in for one that the clinic took away? Pure policy."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from scheduling.choices import Title

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


def kept_until(starts_at: datetime, now: datetime) -> datetime:
    """Tell until when a place is kept for somebody: two hours, never past its start."""
    return min(now + KEPT, starts_at)


def share(places: int, waiting: int) -> int:
    """Tell how many of so many places one of so many who wait is given: one to three.

    Where places are short, everybody gets one before anybody gets a second, and those whose visit
    was the earliest choose first: they have the least time left. Source: docs/flows/leave.md.
    """
    return min(MOST_PLACES, max(1, places // waiting))
