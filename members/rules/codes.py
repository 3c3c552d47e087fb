"""How long is a code good, how often may one be tried, and when may the next one be sent?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

# Source of all numbers: the clinic's rules for codes sent by SMS, in docs/sign-in.md.
DIGITS = 6
GOOD_FOR = timedelta(minutes=5)
MOST_TRIES = 5
IDLE_AFTER = timedelta(days=90)
ENDING_LENGTH = 6


@dataclass(frozen=True)
class Limit:
    """At most so many codes within a time."""

    most: int
    within: timedelta


PER_PHONE = (
    Limit(1, timedelta(seconds=60)),
    Limit(5, timedelta(hours=1)),
    Limit(10, timedelta(days=1)),
)
PER_NETWORK = Limit(30, timedelta(hours=1))


def site_limit(codes_per_hour: int) -> Limit:
    """Tell the limit over all phones, which bounds what a flood of requests can cost."""
    return Limit(codes_per_hour, timedelta(hours=1))


def longest(limits: Sequence[Limit]) -> Limit:
    """Tell which limit looks at most codes: nobody needs to fetch more."""
    return max(limits, key=lambda limit: limit.most)


def wait(sent: Sequence[datetime], limits: Sequence[Limit], now: datetime) -> timedelta:
    """Tell how long the next code has to wait; nothing if it may be sent now.

    `sent` holds the instants of the codes sent before, the latest first. A code sent exactly
    as long ago as a limit looks back counts no more.
    """
    nothing = timedelta(0)
    waits = (
        sent[limit.most - 1] + limit.within - now for limit in limits if len(sent) >= limit.most
    )
    return max(nothing, *waits, nothing)


def is_good(*, expires_at: datetime, tries: int, is_used: bool, now: datetime) -> bool:
    """Tell whether a code may be tried once more: unused, in time, with a try left."""
    return not is_used and tries < MOST_TRIES and now < expires_at


def is_idle(last_seen: datetime, now: datetime) -> bool:
    """Tell whether an account was left alone so long that its number may be somebody else's.

    Source: numbers given back are handed out again after 90 days (GB practice of the carriers).
    """
    return now - last_seen > IDLE_AFTER


def ending(document: str) -> str:
    """Tell the characters of a document number that somebody says to be known again."""
    return document[-ENDING_LENGTH:]
