"""For which dates may sessions be made ahead? Pure policy."""

from datetime import UTC, date, datetime, timedelta

from scheduling.errors import PeriodImpossible

MOST_DAYS = 92
FARTHEST = timedelta(days=366)


def require_possible(first: date, last: date, now: datetime) -> None:
    """Refuse dates that are past, too many or too far ahead.

    Today is where the day is still young: a clinic west of others may be a day behind.
    Raises: PeriodImpossible.
    """
    today = (now - timedelta(hours=12)).astimezone(UTC).date()
    days = (last - first).days + 1
    if first < today or not 1 <= days <= MOST_DAYS or last - today > FARTHEST:
        raise PeriodImpossible(days=MOST_DAYS)
