"""What does a week of rosters look like: who sits when, and how many places are booked?"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from medbook import clock
from scheduling.choices import ScheduleState, SlotState
from scheduling.models import Clinic, Department, Doctor, Leave, Schedule, Slot
from scheduling.rules import sessions as rules
from scheduling.rules.calendar import Day
from scheduling.rules.weeks import Week
from scheduling.selectors.calendar import calendar_days
from scheduling.selectors.catalogue import schedules_in_full
from scheduling.selectors.conflicts import Problem, problems_of
from scheduling.selectors.prices import PriceList, prices_for

MOST_DOCTORS = 60  # what one page shows


@dataclass
class Session:
    """One session in a cell of the grid."""

    schedule: Schedule
    booked: int
    problems: list[Problem] = field(default_factory=list)
    pattern_fee: Decimal | None = None  # the template's own, or the price of that day

    @property
    def half(self) -> str:
        """The half of the day in which it sits."""
        return str(rules.half_day(self._times[0]).label)

    @property
    def hours(self) -> str:
        """The clinic's time from when until when it sits: "09:00–12:00"."""
        start, end = self._times
        return f"{start:%H:%M}–{end:%H:%M}"

    @cached_property
    def _times(self) -> tuple[time, time]:
        zone = ZoneInfo(self.schedule.time_zone)
        schedule = self.schedule
        return schedule.starts_at.astimezone(zone).time(), schedule.ends_at.astimezone(zone).time()

    @property
    def may_change(self) -> bool:
        """Tell whether anything of it can still be changed."""
        return self.schedule.state in (ScheduleState.DRAFT, ScheduleState.PUBLISHED)

    @property
    def state(self) -> str:
        """Name its state."""
        return str(ScheduleState(self.schedule.state).label)

    @property
    def filled(self) -> str:
        """Say how many of its places are booked."""
        count = self.schedule.max_appointments
        text = ngettext("%(booked)s of %(count)s place", "%(booked)s of %(count)s places", count)
        return text % {"booked": self.booked, "count": count}

    @property
    def differences(self) -> list[str]:
        """Name what differs from the weekly pattern that it comes from, if it comes from one."""
        schedule, template = self.schedule, self.schedule.template
        if template is None:
            return []
        compared = {
            _("room"): (schedule.room_id, template.room_id),
            _("hours"): (self._times, (template.start_time, template.end_time)),
            _("places"): (schedule.max_appointments, template.max_appointments),
            _("fee"): (schedule.fee, self.pattern_fee),
        }
        return [name for name, (mine, its) in compared.items() if mine != its]

    @property
    def counts(self) -> bool:
        """Tell whether it belongs into the sums of the day."""
        return self.schedule.state != ScheduleState.CALLED_OFF


@dataclass(frozen=True)
class Away:
    """The part of a leave that lies in one day; without times, the whole day."""

    start: time | None = None
    end: time | None = None


@dataclass(frozen=True)
class Cell:
    """A doctor's day."""

    day: date
    sessions: list[Session]
    away: list[Away]
    is_over: bool


@dataclass(frozen=True)
class Row:
    """A doctor's week."""

    doctor: Doctor
    cells: list[Cell]


@dataclass(frozen=True)
class Total:
    """What a day comes to, and what it is in the calendar."""

    day: date
    calendar: Day
    sessions: int
    places: int
    booked: int


@dataclass(frozen=True)
class WeekGrid:
    """The rosters of some departments of a clinic in one week."""

    week: Week
    groups: list[tuple[Department, list[Row]]]
    totals: list[Total]
    problems: list[Problem]
    doctors_left_out: int

    @property
    def drafts(self) -> list[Session]:
        """All drafts, in the order of the grid."""
        return [session for session in self.sessions if _is_draft(session)]

    @property
    def sessions(self) -> list[Session]:
        """All sessions, in the order of the grid."""
        return [
            session
            for _department, rows in self.groups
            for row in rows
            for cell in row.cells
            for session in cell.sessions
        ]


def week_grid(
    *, clinic: Clinic, departments: Collection[Department], week: Week, now: datetime
) -> WeekGrid:
    """Read the rosters of departments of one clinic in a week, with their conflicts.

    Eleven queries at most, whatever the number of doctors and sessions.
    """
    doctors = _doctors(departments, week)
    shown = doctors[:MOST_DOCTORS]
    ids = [doctor.pk for doctor in shown]
    schedules = list(
        schedules_in_full()
        .select_related("template__doctor")
        .filter(doctor__in=ids, service_date__range=(week.monday, week.sunday))
        .order_by("starts_at", "id")
    )
    leaves = _leaves(ids, week, clinic.time_zone)
    calendar = calendar_days(clinic, week.monday, week.sunday)
    problems = problems_of(schedules, leaves=leaves, calendar=calendar)
    templates = [schedule.template for schedule in schedules if schedule.template]
    prices = prices_for(templates, {clinic.pk}, week.sunday)
    sessions = _sessions(schedules, problems, clinic, prices)
    today = clock.local_date(now, clinic.time_zone)
    groups: dict[Department, list[Row]] = defaultdict(list)
    for doctor in shown:
        away = _away(leaves.get(doctor.pk, []), week, clinic.time_zone)
        cells = [
            Cell(day, sessions.get((doctor.pk, day), []), away[day], day < today)
            for day in week.days
        ]
        groups[doctor.department].append(Row(doctor, cells))
    return WeekGrid(
        week=week,
        groups=list(groups.items()),
        totals=[_total(calendar[day], sessions) for day in week.days],
        problems=problems,
        doctors_left_out=len(doctors) - len(shown),
    )


def _doctors(departments: Collection[Department], week: Week) -> list[Doctor]:
    """List who works in the departments, and who no longer does but still sits that week."""
    sits = Schedule.objects.filter(
        doctor=OuterRef("pk"), service_date__range=(week.monday, week.sunday)
    ).exclude(state=ScheduleState.CALLED_OFF)
    return list(
        Doctor.objects.filter(Q(is_active=True) | Exists(sits), department__in=departments)
        .select_related("department__clinic")
        .order_by("department__code", "department_id", "code")
    )


def _leaves(doctor_ids: list[int], week: Week, zone: str) -> Mapping[int, list[Leave]]:
    first, end = _midnights(week.monday, zone)[0], _midnights(week.sunday, zone)[1]
    found: dict[int, list[Leave]] = defaultdict(list)
    standing = Leave.objects.standing().filter(doctor__in=doctor_ids)
    for leave in standing.filter(starts_at__lt=end, ends_at__gt=first).order_by("starts_at"):
        found[leave.doctor_id].append(leave)
    return found


def _away(leaves: list[Leave], week: Week, zone: str) -> Mapping[date, list[Away]]:
    """Cut leaves into the clinic's days."""
    found: dict[date, list[Away]] = {day: [] for day in week.days}
    for day in week.days if leaves else ():
        first, end = _midnights(day, zone)
        for leave in leaves:
            if leave.starts_at <= first and end <= leave.ends_at:
                found[day].append(Away())
            elif leave.starts_at < end and first < leave.ends_at:
                starts_at, ends_at = max(leave.starts_at, first), min(leave.ends_at, end)
                local = ZoneInfo(zone)
                found[day].append(
                    Away(starts_at.astimezone(local).time(), ends_at.astimezone(local).time())
                )
    return found


def _midnights(day: date, zone: str) -> tuple[datetime, datetime]:
    return (
        rules.moment(day, time(0), zone),
        rules.moment(day + timedelta(days=1), time(0), zone),
    )


def _sessions(
    schedules: list[Schedule], problems: list[Problem], clinic: Clinic, prices: PriceList
) -> Mapping[tuple[int, date], list[Session]]:
    booked = _booked([schedule.pk for schedule in schedules])
    of_session: dict[int, list[Problem]] = defaultdict(list)
    for problem in problems:
        of_session[problem.schedule.pk].append(problem)
    found: dict[tuple[int, date], list[Session]] = defaultdict(list)
    for schedule in schedules:
        session = Session(schedule, booked[schedule.pk], of_session[schedule.pk])
        if schedule.template:
            day = schedule.service_date
            session.pattern_fee = prices.fee_of(schedule.template, clinic.pk, day)
        found[schedule.doctor_id, schedule.service_date].append(session)
    return found


def _booked(schedule_ids: list[int]) -> Counter[int]:
    """Count the places that are booked, offered, or used up by a visit. Two queries."""
    in_use = Slot.objects.filter(
        schedule__in=schedule_ids, state__in=(SlotState.TAKEN, SlotState.OFFERED)
    )
    booked = Counter(dict(in_use.values_list("schedule").annotate(count=Count("pk"))))
    used_up: dict[int, int] = import_string(settings.USED_UP_IN)(schedule_ids)
    booked.update(used_up)
    return booked


def _total(day: Day, sessions: Mapping[tuple[int, date], list[Session]]) -> Total:
    counted = [
        session
        for (_doctor, on), found in sessions.items()
        for session in found
        if on == day.date and session.counts
    ]
    return Total(
        day=day.date,
        calendar=day,
        sessions=len(counted),
        places=sum(session.schedule.max_appointments for session in counted),
        booked=sum(session.booked for session in counted),
    )


def _is_draft(session: Session) -> bool:
    return bool(session.schedule.state == ScheduleState.DRAFT)
