"""How long may somebody stay signed in?"""

from datetime import datetime, timedelta

RECENT = timedelta(minutes=15)  # after showing who one is, before it is asked again
NOTED_EVERY = timedelta(minutes=5)  # how often a member's last visit is written down
STAFF_NOTED_EVERY = timedelta(minutes=1)


def is_over(
    *, signed_in_at: datetime, seen_at: datetime, now: datetime, idle: timedelta, longest: timedelta
) -> bool:
    """Tell whether a session has been left alone, or open, for too long."""
    return now - seen_at >= idle or now - signed_in_at >= longest


def is_recent(shown_at: datetime | None, now: datetime) -> bool:
    """Tell whether somebody showed who they are within the last 15 minutes."""
    return shown_at is not None and timedelta(0) <= now - shown_at < RECENT


def is_worth_noting(*, seen_at: datetime, now: datetime, is_staff: bool) -> bool:
    """Tell whether a visit is so much later than the noted one that it is written down."""
    return now - seen_at >= (STAFF_NOTED_EVERY if is_staff else NOTED_EVERY)
