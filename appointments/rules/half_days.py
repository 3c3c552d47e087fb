"""In which half of the day does something start? Pure policy."""

from datetime import datetime
from zoneinfo import ZoneInfo

from appointments.choices import HalfDay
from scheduling.rules.sessions import half_day


def half_day_of(starts_at: datetime, zone: str) -> HalfDay:
    """Tell the half-day in which something starts, by the clinic's clock."""
    return half_day(starts_at.astimezone(ZoneInfo(zone)).time())
