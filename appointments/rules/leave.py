"""Which periods can a leave have? Pure policy."""

from datetime import date, datetime, time, timedelta

from scheduling.rules.sessions import instant

LONGEST_LEAVE = timedelta(days=366)
NOON, EVENING = time(12), time(18)


def is_possible(starts_at: datetime, ends_at: datetime, now: datetime) -> bool:
    """Tell whether a doctor can be away then: not for nothing, not for over a year, not before."""
    return now < ends_at and timedelta(0) < ends_at - starts_at <= LONGEST_LEAVE


def leave_period(
    first_day: date, starts: time, last_day: date, ends: time | None, zone: str
) -> tuple[datetime, datetime] | None:
    """Turn a clinic's days and times into instants; without an end time the last day counts whole.

    None for an hour that the clinic's clock, or the calendar of years 1 to 9999, does not have.
    """
    try:
        last, until = (last_day, ends) if ends else (last_day + timedelta(days=1), time(0))
        starts_at, ends_at = instant(first_day, starts, zone), instant(last, until, zone)
    except OverflowError:
        return None
    return (starts_at, ends_at) if starts_at and ends_at else None
