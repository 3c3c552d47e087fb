"""What time is it, and how is a time said in a clinic's zone?"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import pgettext


def now() -> datetime:
    """Tell the present instant, in UTC. The only reader of the system clock."""
    return timezone.now()  # noqa: TID251


def text(instant: datetime, zone: str | None = None) -> str:
    """Say an instant in a zone (the site's, unless named), in the active language."""
    local = timezone.localtime(instant, ZoneInfo(zone) if zone else None)
    return date_format(local, pgettext("date and time", "D j M, H:i"))


def day_text(day: date) -> str:
    """Say a day in short, in the active language."""
    return date_format(day, pgettext("short day", "D j M"))


def local_date(instant: datetime, zone: str) -> date:
    """Tell the calendar date of an instant in a zone."""
    return instant.astimezone(ZoneInfo(zone)).date()


def site_date(instant: datetime) -> date:
    """Tell the calendar date of an instant in the site's zone, where no clinic is meant."""
    return local_date(instant, settings.TIME_ZONE)
