"""How are days and times said on a page? Instants always in the clinic's zone."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from medbook import clock

# Django's own Chinese says 星期一; a strip of days needs 周一.
WEEKDAYS = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
CITIES = {
    "Asia/Shanghai": _("Shanghai"),
    "Asia/Hong_Kong": _("Hong Kong"),
    "Asia/Urumqi": _("Urumqi"),
    "Europe/London": _("London"),
    "America/New_York": _("New York"),
}

register = template.Library()


@register.filter
def moment(instant: datetime | None, place: Any = None) -> str:
    """Say day and time: "Tue 24 Nov, 09:20"."""
    return clock.text(instant, _zone_name(place)) if instant else ""


@register.filter
def ending(instant: datetime, place: Any = None) -> str:
    """Say when a period ends; at midnight, the day that is over: "Tue 24 Nov, 24:00"."""
    if hour(instant, place) != "00:00":
        return moment(instant, place)
    return moment(instant - timedelta(minutes=1), place).replace("23:59", "24:00")


@register.filter
def unbroken(said: str) -> SafeString:
    """Keep what is said on one line: a date that breaks in its middle is misread."""
    return format_html('<span class="unbroken">{}</span>', said)


@register.filter
def hour(instant: datetime | None, place: Any = None) -> str:
    """Say the time of day: "09:20"."""
    return f"{_local(instant, place):%H:%M}" if instant else ""


@register.filter
def day(value: date | None, place: Any = None) -> str:
    """Say a day in short: "Tue 24 Nov"."""
    return clock.day_text(_local(value, place)) if value else ""


@register.filter
def long_day(value: date | None, place: Any = None) -> str:
    """Say a day in full: "Tuesday 24 November"."""
    return date_format(_local(value, place), pgettext("long day", "l j F")) if value else ""


@register.filter
def dated(value: date | None, place: Any = None) -> str:
    """Say a day with its year: "24 Nov 2026"."""
    return date_format(_local(value, place), pgettext("day and year", "j M Y")) if value else ""


@register.filter
def month(value: date | None) -> str:
    """Say month and year: "November 2026"."""
    return date_format(value, pgettext("month and year", "F Y")) if value else ""


@register.filter
def weekday(value: date) -> str:
    """Say the day of the week in short: "Tue"."""
    return str(WEEKDAYS[value.weekday()])


@register.simple_tag
def server_time() -> str:
    """Tell the server's present instant, so that a page need not trust the phone's clock."""
    return clock.now().isoformat()


@register.filter
def zone_label(place: Any, instant: datetime | None = None) -> str:
    """Name a clinic's zone as people do: "Shanghai time (UTC+8)"."""
    name = _zone_name(place) or timezone.get_default_timezone_name()
    local = timezone.localtime(instant or clock.now(), ZoneInfo(name))
    offset = f"{local:%z}"
    hours, minutes = offset[:3], offset[3:]
    shown = f"{int(hours):+d}" + (f":{minutes}" if minutes != "00" else "")
    city = CITIES.get(name, name.rpartition("/")[2].replace("_", " "))
    return gettext("%(city)s time (UTC%(offset)s)") % {"city": city, "offset": shown}


def _local(value: date, place: Any) -> date:
    """Turn an instant into the clinic's wall clock; a plain date is the clinic's already."""
    if not isinstance(value, datetime):
        return value
    name = _zone_name(place)
    return timezone.localtime(value, ZoneInfo(name) if name else None)


def _zone_name(place: Any) -> str | None:
    """Find the zone of a clinic, a schedule or an appointment; a name stands for itself."""
    if place is None or isinstance(place, str):
        return place or None
    return str(place.time_zone)
