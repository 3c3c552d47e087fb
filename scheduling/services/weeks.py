"""How is a whole week planned at once: like the last one, or as the templates say?"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import entry, record_events
from medbook.errors import DomainError, InProgress
from medbook.locks import conflict_as, retry_on_conflict
from members.models import User
from scheduling.choices import ScheduleState
from scheduling.models import Department, Doctor, RosterTemplate, Schedule
from scheduling.rules.calendar import patterns_of
from scheduling.rules.prices import copied_fee
from scheduling.rules.weeks import Week
from scheduling.selectors.calendar import calendar_days
from scheduling.selectors.prices import PriceList, price_list, prices_for
from scheduling.services.leaves import lock_doctors


class Why(StrEnum):
    """Why a session of a week was not drafted."""

    EXISTS = "exists"
    PAST = "past"
    HOURS = "hours"
    ROOM_CLOSED = "room_closed"
    DOCTOR_LEFT = "doctor_left"
    NO_PRICE = "no_price"


@dataclass(frozen=True)
class LeftOut:
    """A session that was not drafted."""

    doctor: Doctor
    day: date
    start: time
    why: Why


@dataclass(frozen=True)
class PlannedWeek:
    """What became of a wish for a whole week."""

    drafted: list[Schedule]
    left_out: list[LeftOut]


@dataclass(frozen=True)
class _Wish:
    """A session that should sit in the week."""

    like: Schedule | RosterTemplate
    template: RosterTemplate | None
    doctor: Doctor
    day: date
    start: time
    end: time
    fee: Decimal | None


@retry_on_conflict
@transaction.atomic(durable=True)
def copy_week(
    *, departments: Collection[Department], week: Week, by: User, now: datetime
) -> PlannedWeek:
    """Draft a week like the one before it. What exists is left alone, what was called off too.

    What cost what the price list said costs what it says of the new date.
    """
    doctors = _lock_doctors_of(departments)
    before = week.moved(-1)
    prices = price_list({department.clinic_id for department in departments}, week.sunday)
    wishes = [_copied(schedule, prices) for schedule in _sessions_of(doctors, before)]
    return _draft(wishes, doctors, week, by, now)


@retry_on_conflict
@transaction.atomic(durable=True)
def apply_templates(
    *, departments: Collection[Department], week: Week, by: User, now: datetime
) -> PlannedWeek:
    """Draft what the weekly patterns ask for in a week. What exists is left alone."""
    doctors = _lock_doctors_of(departments)
    templates = list(
        RosterTemplate.objects.valid_between(week.monday, week.sunday)
        .filter(doctor__in=doctors)
        .select_related("doctor__department__clinic", "room", "visit_type")
        .order_by("doctor__code", "weekday", "start_time")
    )
    calendars = {
        clinic.pk: calendar_days(clinic, week.monday, week.sunday)
        for clinic in {department.clinic for department in departments}
    }
    prices = prices_for(templates, calendars.keys(), week.sunday)
    wishes = []
    for day in week.days:
        for template in templates:
            department = template.doctor.department
            followed = patterns_of(
                calendars[department.clinic_id][day],
                sits_on_holidays=department.sits_on_holidays,
            )
            if template.weekday == followed and _is_valid(template, day):
                wishes.append(_as_template(template, day, prices))
    return _draft(wishes, doctors, week, by, now)


def _lock_doctors_of(departments: Collection[Department]) -> dict[int, Doctor]:
    """Lock the doctors, so that the nightly release and a second click come after."""
    rows = Doctor.objects.filter(department__in=[each.pk for each in departments])
    doctors = rows.select_related("department__clinic").order_by("pk")
    lock_doctors(rows.values_list("pk", flat=True))
    return {doctor.pk: doctor for doctor in doctors}


def _sessions_of(doctors: dict[int, Doctor], week: Week) -> list[Schedule]:
    return list(
        Schedule.objects.filter(doctor__in=doctors, service_date__range=(week.monday, week.sunday))
        .exclude(state=ScheduleState.CALLED_OFF)
        .select_related("doctor__department__clinic", "room", "visit_type", "template")
        .order_by("starts_at", "pk")
    )


def _copied(schedule: Schedule, prices: PriceList) -> _Wish:
    clinic = schedule.doctor.department.clinic
    zone = ZoneInfo(clinic.time_zone)
    day = schedule.service_date + timedelta(weeks=1)
    template = schedule.template
    follows = template and template.weekday == day.weekday() and _is_valid(template, day)
    return _Wish(
        like=schedule,
        template=template if follows else None,
        doctor=schedule.doctor,
        day=day,
        start=schedule.starts_at.astimezone(zone).time(),
        end=schedule.ends_at.astimezone(zone).time(),
        fee=copied_fee(
            schedule.fee,
            listed_then=prices.price(clinic.pk, schedule, schedule.service_date),
            listed=prices.price(clinic.pk, schedule, day),
        ),
    )


def _as_template(template: RosterTemplate, day: date, prices: PriceList) -> _Wish:
    return _Wish(
        like=template,
        template=template,
        doctor=template.doctor,
        day=day,
        start=template.start_time,
        end=template.end_time,
        fee=prices.fee_of(template, template.doctor.department.clinic_id, day),
    )


def _is_valid(template: RosterTemplate, day: date) -> bool:
    return template.valid_from <= day <= (template.valid_until or day)


def _draft(
    wishes: Iterable[_Wish], doctors: dict[int, Doctor], week: Week, by: User, now: datetime
) -> PlannedWeek:
    """Write the drafts that can be. Raises: InProgress when somebody makes the same right now."""
    rows = Schedule.objects.filter(
        doctor__in=doctors, service_date__range=(week.monday, week.sunday)
    )
    starts = set(rows.values_list("doctor_id", "starts_at"))
    made: set[tuple[int | None, date]] = set(rows.values_list("template_id", "service_date"))
    drafts: list[Schedule] = []
    left_out: list[LeftOut] = []
    for wish in wishes:
        draft = _schedule(wish)
        why = _why_not(wish, draft, starts, made, now)
        if why:
            left_out.append(LeftOut(wish.doctor, wish.day, wish.start, why))
        elif draft:
            drafts.append(draft)
    with conflict_as({"one_schedule_per_template_and_date": _made_meanwhile}):
        Schedule.objects.bulk_create(drafts, batch_size=500)
    record_events(
        entry(Action.SCHEDULE_CHANGED, subject=draft, by=by, facts={"drafted": True})
        for draft in drafts
    )
    return PlannedWeek(drafts, left_out)


def _made_meanwhile() -> DomainError:
    return InProgress()


def _schedule(wish: _Wish) -> Schedule | None:
    """Make the row; None where the day has no such hours."""
    draft = Schedule(
        template=wish.template,
        doctor=wish.doctor,
        room=wish.like.room,
        visit_type=wish.like.visit_type,
        service_date=wish.day,
        max_appointments=wish.like.max_appointments,
        desk_places=wish.like.desk_places,
        high_demand=wish.like.high_demand,
    )
    if wish.fee is not None:
        draft.fee = wish.fee
    return draft if draft.set_hours(wish.start, wish.end) else None


def _why_not(
    wish: _Wish,
    draft: Schedule | None,
    starts: set[tuple[int, datetime]],
    made: set[tuple[int | None, date]],
    now: datetime,
) -> Why | None:
    if draft is None:
        return Why.HOURS
    if draft.ends_at <= now:
        return Why.PAST
    if (wish.doctor.pk, draft.starts_at) in starts:
        return Why.EXISTS
    if wish.template and (wish.template.pk, wish.day) in made:
        return Why.EXISTS
    if not wish.doctor.is_active:
        return Why.DOCTOR_LEFT
    if not wish.like.room.is_active:
        return Why.ROOM_CLOSED
    if wish.fee is None:
        return Why.NO_PRICE
    return None
