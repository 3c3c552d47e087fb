"""When is a gateway asked again, and when is a payment given up?"""

from datetime import datetime, timedelta

QUERY_PAUSES = (10, 20, 30, 60, 60, 120, 180, 300)  # seconds; then every ten minutes
LONGEST_PAUSE = timedelta(minutes=10)
CLOSED_AFTER = timedelta(minutes=10)  # past the time to pay: what is under way may still arrive
REFUND_PAUSES = (30, 60, 300, 900)  # seconds; then every hour
LONGEST_REFUND_PAUSE = timedelta(hours=1)
TIME_TO_PAY = timedelta(hours=2)  # of what no hold waits for


def next_query_at(queries: int, now: datetime) -> datetime:
    """Tell when a gateway is asked about a payment again, after so many questions."""
    if queries < len(QUERY_PAUSES):
        return now + timedelta(seconds=QUERY_PAUSES[queries])
    return now + LONGEST_PAUSE


def is_to_close(expires_at: datetime | None, now: datetime) -> bool:
    """Tell whether a gateway is told to take no more money for a payment that is under way."""
    return expires_at is not None and now >= expires_at + CLOSED_AFTER


def next_attempt_at(attempts: int, now: datetime) -> datetime:
    """Tell when a refund without an answer is sent again, with the same number."""
    if attempts < len(REFUND_PAUSES):
        return now + timedelta(seconds=REFUND_PAUSES[attempts])
    return now + LONGEST_REFUND_PAUSE


def expires_at(payable_until: datetime | None, now: datetime) -> datetime:
    """Tell until when a gateway may take money for an invoice."""
    return payable_until or now + TIME_TO_PAY
