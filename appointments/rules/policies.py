"""Until when is a visit cancelled or moved, and what comes back?"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from scheduling.rules.sessions import moment

ALL = 100  # per cent


@dataclass(frozen=True)
class CancelPolicy:
    """A department's rule: hours before the start, or days before it at a time of the clinic."""

    hours_before: int
    days_before: int | None = None
    at: time | None = None


def cancel_until(
    starts_at: datetime, service_date: date, zone: str, policy: CancelPolicy
) -> datetime:
    """Tell until when cancelling is free; never after the start.

    Hours are counted as they pass, so that on the day the clocks change 24 hours before 09:00 are
    08:00 or 10:00. A time of day is the clinic's: an hour that is skipped means the one after it,
    of an hour that comes twice the first is meant.
    Source: docs/flows/booking.md, "Cancelling".
    """
    if policy.days_before is None or policy.at is None:
        return starts_at - timedelta(hours=policy.hours_before)
    day = service_date - timedelta(days=policy.days_before)
    return min(moment(day, policy.at, zone), starts_at)


def cancel_until_once_moved(before: datetime, after: datetime, now: datetime) -> datetime:
    """Tell until when a moved visit is cancelled free: what was moved late stays late.

    Or moving late and cancelling the new time at once would go round the rule.
    Source: docs/flows/rescheduling.md.
    """
    return min(before, after) if now >= before else after


def may_cancel(
    now: datetime, cancel_until: datetime, starts_at: datetime, can_cancel_late: bool
) -> bool:
    """Tell whether a member may cancel or move a visit.

    In time, or late by privilege, never after the start.
    """
    return now < cancel_until or (can_cancel_late and now < starts_at)


def refund_percent(
    *, is_own: bool, now: datetime, cancel_until: datetime, late_refund_percent: int
) -> int:
    """Tell which share of what was paid comes back: all in time, and whenever the clinic cancels.

    Source: docs/flows/booking.md, "Cancelling".
    """
    return late_refund_percent if is_own and now >= cancel_until else ALL
