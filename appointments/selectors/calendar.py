"""How do visits look to a calendar (RFC 5545)?"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import override
from icalendar import Alarm, Calendar, Event

from appointments.choices import AppointmentState
from appointments.models import Appointment
from appointments.selectors.visits import of_member
from members.models import Member

SHOWN = (
    AppointmentState.BOOKED,
    AppointmentState.ARRIVED,
    AppointmentState.IN_CONSULTATION,
    AppointmentState.COMPLETED,
    AppointmentState.NO_SHOW,
)
ENDED = (AppointmentState.CANCELLED, AppointmentState.CALLED_OFF)
CANCELLED_KEPT = timedelta(days=30)
PAST_KEPT = timedelta(days=365)
REMIND_BEFORE = timedelta(days=1)


def calendar_of(member: Member) -> bytes:
    """Write all visits of a member that were not cancelled, for the export. One query."""
    return _written(of_member(member).filter(state__in=SHOWN).order_by("starts_at"))


def feed_of(member: Member, now: datetime) -> bytes:
    """Write what a calendar that subscribes shows, in the member's language. One query.

    A visit that came to nothing stays for 30 days as cancelled, so that every calendar takes it
    out; of past ones those of a year are shown.
    """
    ended = Q(state__in=ENDED, confirmed_at__isnull=False, ended_at__gt=now - CANCELLED_KEPT)
    shown = Q(state__in=SHOWN, ends_at__gt=now - PAST_KEPT)
    with override(member.user.language):
        return _written(of_member(member).filter(shown | ended).order_by("starts_at"))


def calendar_of_visit(visit: Appointment) -> bytes:
    """Write one visit: to be put into a calendar, or taken out of it once it is cancelled."""
    return _written([visit], method="CANCEL" if visit.state in ENDED else "PUBLISH")


def is_in_calendars(visit: Appointment) -> bool:
    """Tell whether a visit was agreed, so that calendars may know it."""
    return visit.confirmed_at is not None and visit.state in (*SHOWN, *ENDED)


def _written(visits: Iterable[Appointment], method: str = "") -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//MedBook//EN")
    calendar.add("version", "2.0")
    if method:
        calendar.add("method", method)
    for visit in visits:
        calendar.add_component(_event(visit))
    calendar.add_missing_timezones()
    written: bytes = calendar.to_ical()
    return written


def _event(visit: Appointment) -> Event:
    """Describe a visit; its title says where, and neither with whom nor what for."""
    clinic, zone = visit.department.clinic, ZoneInfo(visit.time_zone)
    is_off = visit.state in ENDED
    event, title = Event(), _("Visit at %(clinic)s") % {"clinic": clinic.name}
    event.add("uid", f"{visit.uid}@medbook")
    # The last change of all: a calendar takes in nothing older than what it has.
    event.add("sequence", visit.sequence + 1 if is_off else visit.sequence)
    event.add("status", "CANCELLED" if is_off else "CONFIRMED")
    event.add("dtstamp", visit.ended_at or visit.confirmed_at or visit.created_at)
    event.add("dtstart", visit.starts_at.astimezone(zone))
    event.add("dtend", visit.ends_at.astimezone(zone))
    event.add("summary", title)
    event.add("location", ", ".join(filter(None, (clinic.name, clinic.address))))
    event.add("description", _("Reference: %(reference)s") % {"reference": visit.reference})
    event.add("class", "PRIVATE")
    if not is_off:
        event.add_component(_alarm(title))
    return event


def _alarm(title: str) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("trigger", -REMIND_BEFORE)
    alarm.add("description", title)
    return alarm
