"""How do a member's visits look to a calendar?"""

from collections.abc import Iterator
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from appointments.choices import AppointmentState
from appointments.models import Appointment
from appointments.selectors.visits import of_member
from members.models import Member

SHOWN = (
    AppointmentState.BOOKED,
    AppointmentState.ARRIVED,
    AppointmentState.IN_CONSULTATION,
    AppointmentState.COMPLETED,
)
OCTETS_A_LINE = 73


def calendar_of(member: Member) -> bytes:
    """Write a member's visits as iCalendar; a title says where, and never which department."""
    visits = of_member(member).filter(state__in=SHOWN).order_by("starts_at")
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//MedBook//EN"]
    for visit in visits:
        lines += _event(visit)
    lines.append("END:VCALENDAR")
    folded = [part for line in lines for part in _folded(line)]
    return ("\r\n".join(folded) + "\r\n").encode()


def _event(visit: Appointment) -> list[str]:
    clinic = visit.department.clinic
    title = _("Visit at %(clinic)s") % {"clinic": clinic.name}
    return [
        "BEGIN:VEVENT",
        f"UID:{visit.uid}@medbook",
        f"DTSTAMP:{_instant(visit.confirmed_at or visit.created_at)}",
        f"DTSTART:{_instant(visit.starts_at)}",
        f"DTEND:{_instant(visit.ends_at)}",
        f"SUMMARY:{_text(title)}",
        f"LOCATION:{_text(clinic.name)}",
        f"DESCRIPTION:{_text(visit.reference)}",
        "END:VEVENT",
    ]


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(said: str) -> str:
    """Escape a text as RFC 5545, 3.3.11 asks."""
    for plain, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        said = said.replace(plain, written)
    return said


def _folded(line: str) -> Iterator[str]:
    """Break a line that is longer than 75 octets, between characters (RFC 5545, 3.1)."""
    part, size = "", 0
    for character in line:
        width = len(character.encode())
        if size + width > OCTETS_A_LINE:
            yield part
            part, size = " ", 1
        part, size = part + character, size + width
    yield part
