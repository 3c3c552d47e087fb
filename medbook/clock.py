"""What time is it, and how is a time said in a clinic's zone?"""

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, pgettext

REMEMBERED = 4096  # what a long page says again and again; each is some 100 bytes


def now() -> datetime:
    """Tell the present instant, in UTC. The only reader of the system clock."""
    return timezone.now()  # noqa: TID251


def text(instant: datetime, zone: str | None = None) -> str:
    """Say an instant in a zone (the site's, unless named), in the active language."""
    return _text(instant, zone or timezone.get_current_timezone_name(), get_language())


@lru_cache(REMEMBERED)
def _text(instant: datetime, zone: str, _language: str | None) -> str:
    local = timezone.localtime(instant, ZoneInfo(zone))
    return date_format(local, pgettext("date and time", "D j M, H:i"))


def day_text(day: date) -> str:
    """Say a day in short, in the active language."""
    return _day_text(day, get_language())


@lru_cache(REMEMBERED)
def _day_text(day: date, _language: str | None) -> str:
    return date_format(day, pgettext("short day", "D j M"))


def local_date(instant: datetime, zone: str) -> date:
    """Tell the calendar date of an instant in a zone."""
    return instant.astimezone(ZoneInfo(zone)).date()


def site_date(instant: datetime) -> date:
    """Tell the calendar date of an instant in the site's zone, where no clinic is meant."""
    return local_date(instant, settings.TIME_ZONE)
