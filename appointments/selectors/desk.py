"""What may the front desk give on a day, and what does it read out?"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import override

from appointments.choices import AppointmentState
from appointments.models import Appointment
from appointments.rules.booking import arrive_by
from appointments.rules.desk import DeskSale, desk_sale
from medbook import clock
from medbook.errors import Missing
from members.models import FamilyLink, Member
from scheduling.choices import ScheduleState, SlotState
from scheduling.models import Schedule, Slot, claimable_by
from scheduling.rules.sessions import DESK_RANK, Booker, searched

MOST_SESSIONS = 20
LANGUAGES = ("zh-hans", "en")


@dataclass(frozen=True)
class DeskTime:
    """One start of a session: how many places the desk may give, and how many are kept for it."""

    starts_at: datetime
    free: int
    kept: int


@dataclass(frozen=True)
class DeskSession:
    """A session of the day with its free times."""

    schedule: Schedule
    is_released: bool
    is_today: bool
    times: list[DeskTime]


def booked_for(link_uid: uuid.UUID) -> FamilyLink:
    """Find for whom the desk books, with member, tier and patient. Raises: Missing. One query."""
    rows = FamilyLink.objects.standing().select_related("member__user", "member__tier", "patient")
    link = rows.filter(uid=link_uid).first()
    if link is None:
        raise Missing()
    return link


def desk_sessions(*, text: str, day: date, member: Member, now: datetime) -> list[DeskSession]:
    """List the sessions of a day whose doctor or department is looked for. Two queries."""
    asked = searched(text)
    rows = Schedule.objects.filter(
        service_date=day, state=ScheduleState.PUBLISHED, ends_at__gt=now
    ).select_related("doctor", "department__clinic", "room")
    if asked:
        named = Q(department__name_en__icontains=text) | Q(department__name_zh__contains=text)
        rows = rows.filter(Q(doctor__search_text__contains=asked) | named)
    schedules = list(rows.order_by("starts_at", "pk")[:MOST_SESSIONS])
    times = _times(schedules, Booker(rank=member.tier.rank, is_desk=True), now)
    return [_session(schedule, times[schedule.pk], now) for schedule in schedules]


def read_aloud(visit: Appointment) -> list[tuple[str, str]]:
    """Say a booking as it is read out to the caller, in each language of the clinic."""
    said = []
    for language in LANGUAGES:
        with override(language):
            said.append((language, _sentence(visit)))
    return said


def _sentence(visit: Appointment) -> str:
    facts = {"room": visit.slot.schedule.room.code, "reference": " ".join(visit.reference)}
    if visit.state == AppointmentState.ARRIVED:
        return _(
            "You are taken in with %(doctor)s, room %(room)s. Please wait there until you are "
            "called. Your reference is %(reference)s."
        ) % {**facts, "doctor": visit.doctor.name}
    zone = visit.time_zone
    return _(
        "Your visit is booked for %(when)s at %(clinic)s, room %(room)s. Please be there by "
        "%(arrive_by)s. Your reference is %(reference)s."
    ) % {
        **facts,
        "when": clock.text(visit.starts_at, zone),
        "clinic": visit.department.clinic.name,
        "arrive_by": clock.text(arrive_by(visit.starts_at), zone),
    }


def _times(
    schedules: Iterable[Schedule], booker: Booker, now: datetime
) -> dict[int, list[DeskTime]]:
    kept = Q(reserved_rank=DESK_RANK, reserved_until__gt=now)
    rows = (
        Slot.objects.filter(claimable_by(booker, now), schedule__in=schedules)
        .filter(state=SlotState.FREE)
        .values("schedule_id", "starts_at")
        .annotate(free=Count("id"), kept=Count("id", filter=kept))
        .order_by("schedule_id", "starts_at")
    )
    found: dict[int, list[DeskTime]] = defaultdict(list)
    for row in rows:
        found[row["schedule_id"]].append(DeskTime(row["starts_at"], row["free"], row["kept"]))
    return found


def _session(schedule: Schedule, times: list[DeskTime], now: datetime) -> DeskSession:
    """Before the release only what is kept for the desk counts."""
    sale = desk_sale(release_at=schedule.release_at, ends_at=schedule.ends_at, now=now)
    is_released = sale == DeskSale.ALL
    if not is_released:
        times = [DeskTime(each.starts_at, each.kept, each.kept) for each in times if each.kept]
    return DeskSession(
        schedule=schedule,
        is_released=is_released,
        is_today=schedule.service_date == clock.local_date(now, schedule.time_zone),
        times=times,
    )
