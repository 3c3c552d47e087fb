"""How often, and when, is it tried again to send a message?"""

from datetime import datetime, timedelta

MOST_ATTEMPTS = 5
# Longer than a gateway may take to answer; a gateway that is away for an hour is waited for.
PAUSES = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=1),
)
BETWEEN_RESENDS = timedelta(minutes=1)
# What somebody may still ask to have sent again; a code is worth nothing after minutes, and the
# number that it went to need not be a member's. Source: docs/privacy.md.
WORDS_KEPT = timedelta(days=30)
WORDS_OF_STRANGERS_KEPT = timedelta(days=1)


def next_attempt_at(attempts: int, now: datetime) -> datetime:
    """Tell when to try again after so many attempts. Source: docs/flows/messages.md."""
    return now + PAUSES[min(max(attempts, 1), len(PAUSES)) - 1]


def is_given_up(attempts: int) -> bool:
    """Tell whether so many attempts are enough."""
    return attempts >= MOST_ATTEMPTS
