"""How long is a code good, how often may one be tried, and when may the next one be sent?"""

from dataclasses import dataclass
from datetime import datetime, timedelta

# Source of all numbers: the clinic's rules for codes sent by SMS, in docs/flows/sign-in.md.
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


def wait(limit: Limit, nth_latest: datetime | None, now: datetime) -> timedelta:
    """Tell how long a limit makes the next code wait; nothing if it may be sent now.

    `nth_latest` is the instant of the code that fills the limit: of the `most`th from the latest,
    None where there were fewer. Sent exactly as long ago as the limit looks back, it counts no
    more.
    """
    if nth_latest is None:
        return timedelta(0)
    return max(timedelta(0), nth_latest + limit.within - now)


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
