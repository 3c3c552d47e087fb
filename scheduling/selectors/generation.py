"""Which sessions do weekly patterns ask for on which dates, and what stands in their way?"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain

from scheduling.choices import ScheduleState
from scheduling.models import Department, Leave, RosterTemplate, Schedule
from scheduling.models.rosters import RosterTemplateQuerySet
from scheduling.models.schedules import BINDING
from scheduling.rules import sessions as rules
from scheduling.rules.calendar import patterns_of
from scheduling.selectors.calendar import calendars
from scheduling.selectors.prices import PriceList, prices_for

Period = tuple[datetime, datetime]
Busy = Mapping[tuple[str, int], list[tuple[Period, int]]]


@dataclass(frozen=True)
class DueDate:
    """One department's date that is to be made."""

    department: Department
    service_date: date


@dataclass(frozen=True)
class Obstacle:
    """Why a weekly pattern has no schedule on a date."""

    template_id: int
    reason: str  # "doctor", "room", "leave", "room_closed", "hours" or "no_price"
    schedule_id: int | None = None

    def as_fact(self) -> dict[str, int | str | None]:
        """Put it into the form that a run keeps."""
        return {"template": self.template_id, "reason": self.reason, "schedule": self.schedule_id}


@dataclass
class PlannedDate:
    """What a date's patterns ask for: sessions not written yet, and how many exist already."""

    due: DueDate
    schedules: list[Schedule] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    unchanged: int = 0


def weekdays_followed(dates: Collection[DueDate]) -> dict[DueDate, int | None]:
    """Tell which weekday's patterns each date follows, None for no one's. One query."""
    clinics = {due.department.clinic for due in dates}
    days = [due.service_date for due in dates]
    calendar = calendars(clinics, min(days), max(days)) if dates else {}
    return {
        due: patterns_of(
            calendar[due.department.clinic_id][due.service_date],
            sits_on_holidays=due.department.sits_on_holidays,
        )
        for due in dates
    }


def lacking_dates(dates: Collection[DueDate]) -> set[DueDate]:
    """Keep the dates on which a valid template has no schedule yet. Three queries."""
    weekdays = weekdays_followed(dates)
    made = _made(dates)
    patterns: dict[tuple[int, int], list[tuple[int, date, date | None]]] = defaultdict(list)
    columns = ("doctor__department_id", "weekday", "id", "valid_from", "valid_until")
    for department_id, weekday, *pattern in _templates(dates).values_list(*columns):
        patterns[department_id, weekday].append((pattern[0], pattern[1], pattern[2]))
    return {
        due
        for due, weekday in weekdays.items()
        if weekday is not None
        and any(
            since <= due.service_date <= (until or due.service_date)
            and (template_id, due.service_date) not in made
            for template_id, since, until in patterns[due.department.pk, weekday]
        )
    }


def planned_dates(dates: Collection[DueDate]) -> list[PlannedDate]:
    """Work out what each date's patterns ask for.

    Four queries, whatever the number of dates, and one where a pattern follows the price list.
    """
    weekdays = weekdays_followed(dates)
    made = _made(dates)
    patterns: dict[tuple[int, int], list[RosterTemplate]] = defaultdict(list)
    rows = _templates(dates).filter(
        weekday__in={day for day in weekdays.values() if day is not None}
    )
    for template in rows.select_related("doctor", "room", "visit_type").order_by("id"):
        patterns[template.doctor.department_id, template.weekday].append(template)
    away = _away(dates)
    clinics = {due.department.clinic_id for due in dates}
    prices = prices_for(chain.from_iterable(patterns.values()), clinics, _span(dates)[1])
    return [
        _plan(due, [] if day is None else patterns[due.department.pk, day], made, away, prices)
        for due, day in weekdays.items()
    ]


def foreseen_dates(dates: Collection[DueDate]) -> list[PlannedDate]:
    """Plan dates, and leave out what the sessions of today's rosters are in the way of.

    Six queries at most. What is written meanwhile may still come first.
    """
    planned = planned_dates(dates)
    busy = _busy(dates)
    for each in planned:
        clear = []
        for schedule in each.schedules:
            if obstacle := _clash(schedule, busy):
                each.obstacles.append(obstacle)
            else:
                clear.append(schedule)
        each.schedules = clear
    return planned


def _plan(
    due: DueDate,
    templates: list[RosterTemplate],
    made: Collection[tuple[int, date]],
    away: Mapping[int, list[Period]],
    prices: PriceList,
) -> PlannedDate:
    planned = PlannedDate(due)
    day, zone = due.service_date, due.department.clinic.time_zone
    times = rules.sale_times(day, zone, due.department.sale_rules)
    for template in templates:
        if not template.is_valid_on(day):
            continue
        if (template.pk, day) in made:
            planned.unchanged += 1
            continue
        period = rules.session_period(day, template.start_time, template.end_time, zone)
        if period is None:
            planned.obstacles.append(Obstacle(template.pk, "hours"))
        elif not template.room.is_active:
            planned.obstacles.append(Obstacle(template.pk, "room_closed"))
        elif any(_overlap(period, leave) for leave in away.get(template.doctor_id, ())):
            planned.obstacles.append(Obstacle(template.pk, "leave"))
        elif (fee := prices.fee_of(template, due.department.clinic_id, day)) is None:
            planned.obstacles.append(Obstacle(template.pk, "no_price"))
        else:
            planned.schedules.append(_schedule(template, due, period, times, fee))
    return planned


def _schedule(
    template: RosterTemplate,
    due: DueDate,
    period: Period,
    times: rules.SaleTimes,
    fee: Decimal,
) -> Schedule:
    return Schedule(
        template=template,
        doctor=template.doctor,
        department=due.department,
        room=template.room,
        visit_type=template.visit_type,
        service_date=due.service_date,
        starts_at=period[0],
        ends_at=period[1],
        max_appointments=template.max_appointments,
        fee=fee,
        high_demand=template.high_demand,
        desk_places=template.desk_places,
        state=ScheduleState.PUBLISHED,
        release_at=times.release_at,
        sale_stops_at=times.sale_stops_at,
        same_day_from=times.same_day_from,
    )


def _templates(dates: Collection[DueDate]) -> RosterTemplateQuerySet:
    first, last = _span(dates)
    return RosterTemplate.objects.valid_between(first, last).filter(
        doctor__is_active=True, doctor__department__in={due.department.pk for due in dates}
    )


def _made(dates: Collection[DueDate]) -> set[tuple[int, date]]:
    """Tell which template has a schedule on which date, in any state: a draft too is left alone."""
    rows = Schedule.objects.filter(
        template__isnull=False,
        service_date__range=_span(dates),
        template__doctor__department__in={due.department.pk for due in dates},
    )
    return {
        (template_id, day)
        for template_id, day in rows.values_list("template_id", "service_date")
        if template_id is not None
    }


def _away(dates: Collection[DueDate]) -> Mapping[int, list[Period]]:
    """Tell when the doctors do not sit."""
    first, last = _span(dates)
    margin = timedelta(days=2)  # dates are local, leaves are instants
    away: dict[int, list[Period]] = defaultdict(list)
    rows = Leave.objects.standing().filter(
        doctor__department__in={due.department.pk for due in dates},
        starts_at__date__lte=last + margin,
        ends_at__date__gte=first - margin,
    )
    for doctor_id, starts_at, ends_at in rows.values_list("doctor_id", "starts_at", "ends_at"):
        away[doctor_id].append((starts_at, ends_at))
    return away


def _busy(dates: Collection[DueDate]) -> Busy:
    """Tell when doctors sit and rooms are used, and by which schedule, around the dates."""
    first, last = _span(dates)
    margin = timedelta(days=1)
    busy: dict[tuple[str, int], list[tuple[Period, int]]] = defaultdict(list)
    rows = Schedule.objects.filter(
        state__in=BINDING,
        room__clinic__in={due.department.clinic_id for due in dates},
        service_date__range=(first - margin, last + margin),
    ).order_by("id")
    columns = ("id", "doctor_id", "room_id", "starts_at", "ends_at")
    for pk, doctor_id, room_id, starts_at, ends_at in rows.values_list(*columns):
        for who in (("doctor", doctor_id), ("room", room_id)):
            busy[who].append(((starts_at, ends_at), pk))
    return busy


def _clash(schedule: Schedule, busy: Busy) -> Obstacle | None:
    period = (schedule.starts_at, schedule.ends_at)
    for who in (("doctor", schedule.doctor_id), ("room", schedule.room_id)):
        for other, pk in busy.get(who, ()):
            if _overlap(period, other) and schedule.template_id is not None:
                return Obstacle(schedule.template_id, who[0], pk)
    return None


def _overlap(one: Period, other: Period) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _span(dates: Collection[DueDate]) -> tuple[date, date]:
    days = [due.service_date for due in dates]
    return (min(days), max(days)) if days else (date.max, date.min)
