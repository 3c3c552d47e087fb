"""What does a doctor's page offer, day by day and time by time?"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, Q
from django.utils.translation import gettext as _

from appointments.choices import HalfDay
from appointments.models import Appointment
from appointments.rules.half_days import half_day_of
from appointments.selectors.catalogue import Opening
from appointments.selectors.free_times import (
    Chip,
    ChipState,
    Sitting,
    colleagues_chips,
    free_chips,
    own_visits,
    sittings,
)
from appointments.selectors.terms import Terms
from billing.rules.prices import Quote
from medbook import clock
from members.models import Member
from members.selectors.tiers import tiers
from scheduling.choices import ScheduleState, SlotState
from scheduling.models import Doctor, Schedule, Slot, claimable_by
from scheduling.rules.sessions import Booker

DAYS_SHOWN = 7
FARTHEST_DAYS = 90  # no department makes schedules further ahead
FEW = 5
FEW_SHARE = 5  # one fifth
SHORT_DAY = 4  # with so few times left, the next open day is shown too


class DayState(StrEnum):
    """What a day offers."""

    FREE = "free"
    FEW = "few"
    FULL = "full"
    OFF = "off"
    UPCOMING = "upcoming"
    EARLY = "early"
    NONE = "none"


HAS_FREE = (DayState.FREE, DayState.FEW)


@dataclass(frozen=True)
class Day:
    """One day of the strip."""

    date: date
    state: DayState = DayState.NONE
    free: int = 0
    opens_at: datetime | None = None
    is_current: bool = False

    @property
    def is_link(self) -> bool:
        """Tell whether there is anything to see."""
        return self.state != DayState.NONE


@dataclass(frozen=True)
class Session:
    """A sitting of the day with its times."""

    schedule: Schedule
    heading: str
    free: int
    total: int
    price: Quote
    chips: list[Chip]
    opens_for_you_at: datetime | None
    may_wait: bool


@dataclass(frozen=True)
class Picker:
    """A week of a doctor and the times of one day."""

    days: list[Day]
    day: Day
    sessions: list[Session]
    previous_week: date | None
    next_week: date | None
    next_free_on: date | None
    tail: list[Chip]
    colleagues: list[Chip]
    chosen: Chip | None
    opening: Opening | None


def picker(
    *,
    doctor: Doctor,
    member: Member | None,
    terms: Terms,
    wanted: date | None,
    chosen_at: datetime | None,
    now: datetime,
    moving: Appointment | None = None,
) -> Picker:
    """Lay out the week around a day, else around the first free one.

    A visit that is to be moved is in nobody's way, and its own time is no choice.

    At most six queries, whatever the number of days.
    """
    today = clock.local_date(now, doctor.department.clinic.time_zone)
    by_date: dict[date, list[Sitting]] = defaultdict(list)
    ahead = doctor.schedules.exclude(state=ScheduleState.DRAFT).filter(
        service_date__gte=today, service_date__lte=today + timedelta(days=FARTHEST_DAYS)
    )
    for sitting in sittings(ahead, terms.booker, now):
        by_date[sitting.schedule.service_date].append(sitting)
    known = {day: _day(day, rows, terms, now) for day, rows in by_date.items()}
    current = replace(_current(known, wanted, today), is_current=True)
    sessions = _sessions(by_date[current.date], member, terms, now, moving)
    next_free_on = _next_free(known, current.date)
    first = today + timedelta(days=(current.date - today).days // DAYS_SHOWN * DAYS_SHOWN)
    dates = [first + timedelta(days=number) for number in range(DAYS_SHOWN)]
    before, after = first - timedelta(days=DAYS_SHOWN), first + timedelta(days=DAYS_SHOWN)
    return Picker(
        days=[current if day == current.date else known.get(day, Day(day)) for day in dates],
        day=current,
        sessions=sessions,
        previous_week=before if before >= today else None,
        next_week=after
        if any(day.is_link and day.date >= after for day in known.values())
        else None,
        next_free_on=None if current.state in HAS_FREE else next_free_on,
        tail=_tail(by_date[next_free_on], terms, now, moving)
        if next_free_on and _is_tail_wanted(current, next_free_on)
        else [],
        colleagues=colleagues_chips(doctor, current.date, terms, now)
        if _are_colleagues_wanted(current, by_date[current.date], terms, now)
        else [],
        chosen=_chosen(sessions, chosen_at),
        opening=_next_opening(by_date.values(), terms, now),
    )


def _next_opening(days: Iterable[list[Sitting]], terms: Terms, now: datetime) -> Opening | None:
    """Find the session that opens next, if one is still to open."""
    to_open = [
        Opening(row.schedule, opens_at)
        for rows in days
        for row in rows
        if _is_ahead(row.schedule, now) and (opens_at := _opens_at(row, terms, now))
    ]
    return min(to_open, key=lambda opening: opening.opens_at, default=None)


def _current(known: Mapping[date, Day], wanted: date | None, today: date) -> Day:
    """Find the day to show: the wanted one, the first with a free place, with a session, today."""
    if wanted and today <= wanted <= today + timedelta(days=FARTHEST_DAYS):
        return known.get(wanted, Day(wanted))
    free = (day for day in known.values() if day.state in HAS_FREE)
    linked = (day for day in known.values() if day.is_link)
    return next(free, None) or next(linked, None) or Day(today)


def _next_free(known: Mapping[date, Day], current: date) -> date | None:
    """Find the next other day with a free place, else an earlier one."""
    free = [day.date for day in known.values() if day.state in HAS_FREE and day.date != current]
    return next((day for day in free if day > current), free[0] if free else None)


def _day(day: date, rows: list[Sitting], terms: Terms, now: datetime) -> Day:
    """Sum up a day in one word, with the number of free places."""
    ahead = [row for row in rows if _is_ahead(row.schedule, now)]
    if not ahead:
        off = any(row.schedule.state == ScheduleState.CALLED_OFF for row in rows)
        return Day(day, DayState.OFF if off else DayState.NONE)
    on_sale = [row for row in ahead if terms.is_open(row.schedule, now)]
    free = sum(row.free for row in on_sale)
    if free:
        total = sum(row.schedule.max_appointments for row in on_sale)
        is_few = free <= FEW or free * FEW_SHARE <= total
        return Day(day, DayState.FEW if is_few else DayState.FREE, free)
    opens_at = min(filter(None, (_opens_at(row, terms, now) for row in ahead)), default=None)
    if opens_at is None:
        return Day(day, DayState.FULL)
    early = any(
        terms.is_open_to_others(row.schedule, now)
        and now < row.schedule.opens_at(terms.early_minutes)
        for row in ahead
    )
    return Day(day, DayState.EARLY if early else DayState.UPCOMING, opens_at=opens_at)


def _opens_at(row: Sitting, terms: Terms, now: datetime) -> datetime | None:
    """Tell when a session has places for this reader: it opens, or what is kept falls to all."""
    return terms.opens_at(row.schedule, now) or row.kept_until


def _is_ahead(schedule: Schedule, now: datetime) -> bool:
    return schedule.state == ScheduleState.PUBLISHED and schedule.ends_at > now


def _sessions(
    rows: list[Sitting],
    member: Member | None,
    terms: Terms,
    now: datetime,
    moving: Appointment | None,
) -> list[Session]:
    """List the sessions of a day that are not over, with all their times. Three queries at most."""
    ahead = [row.schedule for row in rows if _is_ahead(row.schedule, now)]
    starts = _starts(ahead, terms.booker, now)
    ordered = [schedule for schedule in ahead if schedule.pk in starts]
    if not ordered:
        return []
    visits = own_visits(member, ordered[0].starts_at, max(s.ends_at for s in ordered))
    visits = [visit for visit in visits if visit != moving]
    halves = [_half(schedule) for schedule in ordered]
    is_any_kept = any(start["kept_until"] for group in starts.values() for start in group)
    names = {tier.rank: tier.name for tier in tiers()} if is_any_kept else {}
    sessions = []
    for schedule in ordered:
        is_open = terms.is_open(schedule, now)
        chips = [_chip(schedule, start, names) for start in starts[schedule.pk]]
        free = sum(chip.free for chip in chips)
        sessions.append(
            Session(
                schedule=schedule,
                heading=_heading(schedule, is_only=halves.count(_half(schedule)) == 1),
                free=free,
                total=sum(start["total"] for start in starts[schedule.pk]),
                price=terms.price(schedule),
                chips=[
                    replace(chip, state=_chip_state(chip, is_open, visits, moving))
                    for chip in chips
                ],
                opens_for_you_at=terms.opens_at(schedule, now),
                may_wait=is_open and not free and now < schedule.sale_stops_at,
            )
        )
    return sessions


def _starts(
    schedules: list[Schedule], booker: Booker, now: datetime
) -> dict[int, list[Mapping[str, Any]]]:
    """Count the places of each start that is ahead, by schedule and in order. One query."""
    kept = Q(state=SlotState.FREE, reserved_until__gt=now)
    starts = (
        Slot.objects.filter(schedule__in=schedules, starts_at__gt=now)
        .exclude(state=SlotState.BLOCKED)
        .values("schedule_id", "starts_at", "ends_at")
        .annotate(
            total=Count("id"),
            free=Count("id", filter=Q(state=SlotState.FREE) & claimable_by(booker, now)),
            kept_rank=Min("reserved_rank", filter=kept),
            kept_until=Min("reserved_until", filter=kept),
        )
        .order_by("schedule_id", "starts_at")
    )
    return {key: list(group) for key, group in groupby(starts, key=itemgetter("schedule_id"))}


def _chip(schedule: Schedule, start: Mapping[str, Any], tier_names: Mapping[int, str]) -> Chip:
    return Chip(
        schedule,
        start["starts_at"],
        start["ends_at"],
        start["free"],
        kept_for=tier_names.get(start["kept_rank"], ""),
        kept_until=start["kept_until"],
    )


def _chip_state(
    chip: Chip, is_open: bool, visits: list[Appointment], moving: Appointment | None
) -> ChipState:
    if chip.is_of(moving):
        return ChipState.MINE
    if not chip.free and not chip.is_kept:
        return ChipState.FULL
    if chip.is_kept or not is_open:
        return ChipState.LOCKED
    return ChipState.OVERLAP if chip.overlaps(visits) else ChipState.FREE


def _are_colleagues_wanted(day: Day, rows: list[Sitting], terms: Terms, now: datetime) -> bool:
    """Tell whether others are shown: the doctor is away, or what is on sale is gone or kept."""
    is_gone = not day.free and any(terms.is_open(row.schedule, now) for row in rows)
    return is_gone or day.state == DayState.OFF


def _is_tail_wanted(current: Day, next_free_on: date) -> bool:
    """Tell whether another day is shown below: a later one if little is left, any if nothing is."""
    return current.free <= SHORT_DAY and (next_free_on > current.date or not current.free)


def _tail(
    rows: list[Sitting], terms: Terms, now: datetime, moving: Appointment | None
) -> list[Chip]:
    schedules = [row.schedule for row in rows if _is_ahead(row.schedule, now)]
    on_sale = [schedule for schedule in schedules if terms.is_open(schedule, now)]
    chips = free_chips(on_sale, terms.booker, now)
    return [chip for chip in chips if not chip.is_of(moving)][:SHORT_DAY]


def _chosen(sessions: list[Session], chosen_at: datetime | None) -> Chip | None:
    """Find the time that somebody tapped before signing in."""
    bookable = (ChipState.FREE, ChipState.OVERLAP)
    chips = (chip for session in sessions for chip in session.chips if chip.state in bookable)
    return next((chip for chip in chips if chip.starts_at == chosen_at), None)


def _half(schedule: Schedule) -> HalfDay:
    return half_day_of(schedule.starts_at, schedule.time_zone)


def _heading(schedule: Schedule, *, is_only: bool) -> str:
    """Name a session by its half-day, with its hours where two share one."""
    half = str(_half(schedule).label)
    if is_only:
        return half
    zone = ZoneInfo(schedule.time_zone)
    return _("%(half)s, %(start)s–%(end)s") % {
        "half": half,
        "start": f"{schedule.starts_at.astimezone(zone):%H:%M}",
        "end": f"{schedule.ends_at.astimezone(zone):%H:%M}",
    }
