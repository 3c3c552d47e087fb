"""In which half of the day does something start? Pure policy."""

from datetime import datetime
from zoneinfo import ZoneInfo

from appointments.choices import HalfDay

# From and until which hour of the clinic's clock a session starts in each half-day.
HOURS: dict[HalfDay, tuple[int, int]] = {
    HalfDay.MORNING: (0, 12),
    HalfDay.AFTERNOON: (12, 18),
    HalfDay.EVENING: (18, 24),
}


def half_day_of(starts_at: datetime, zone: str) -> HalfDay:
    """Tell the half-day in which something starts, by the clinic's clock."""
    hour = starts_at.astimezone(ZoneInfo(zone)).hour
    return next(half for half, (start, end) in HOURS.items() if start <= hour < end)
