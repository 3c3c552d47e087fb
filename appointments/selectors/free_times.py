"""Which times are free?"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models.functions import Coalesce, Greatest

from appointments.choices import HalfDay
from appointments.models import Appointment
from appointments.selectors.terms import Terms
from members.models import Member
from scheduling.models import Doctor, Schedule, ScheduleQuerySet, Slot
from scheduling.rules.sessions import HOURS, Booker

# The clinic's hour of the day at which a session starts, by the clinic's own clock.
LOCAL_HOUR = Func(
    Func(
        F("department__clinic__time_zone"),
        F("starts_at"),
        function="timezone",
        output_field=DateTimeField(),
    ),
    template="EXTRACT(HOUR FROM %(expressions)s)::int",
    output_field=IntegerField(),
)


class ChipState(StrEnum):
    """What can be done with a time."""

    FREE = "free"
    FULL = "full"
    LOCKED = "locked"
    OVERLAP = "overlap"
    MINE = "mine"


@dataclass(frozen=True)
class Chip:
    """One start of a schedule, and how many places it has left."""

    schedule: Schedule
    starts_at: datetime
    ends_at: datetime
    free: int
    state: ChipState = ChipState.FREE
    kept_for: str = ""
    kept_until: datetime | None = None

    @property
    def is_kept(self) -> bool:
        """Tell whether all that is free is kept for others for a while."""
        return not self.free and self.kept_until is not None

    def is_of(self, visit: Appointment | None) -> bool:
        """Tell whether it is the very time that a visit has."""
        mine = (visit.slot.schedule_id, visit.starts_at) if visit else None
        return (self.schedule.pk, self.starts_at) == mine

    def overlaps(self, visits: Iterable[Appointment]) -> bool:
        """Tell whether a visit takes place at that time."""
        return any(v.starts_at < self.ends_at and self.starts_at < v.ends_at for v in visits)


@dataclass(frozen=True)
class Sitting:
    """A schedule with its number of free places that are still to come.

    Where it is none: from when there are some again, because they are kept for others until then.
    """

    schedule: Schedule
    free: int
    kept_until: datetime | None = None


def open_schedules(terms: Terms, now: datetime) -> ScheduleQuerySet:
    """Keep the schedules on sale for a reader that have a free place."""
    free = Slot.objects.open_to(terms.booker, now).filter(schedule=OuterRef("pk"))
    recent = (now - timedelta(days=1)).date()  # lets the index skip what is long over
    return (
        Schedule.objects.bookable(now, terms.early)
        .filter(Exists(free), service_date__gte=recent)
        .order_by("starts_at", "pk")
    )


def in_half_days(schedules: QuerySet[Schedule], halves: Iterable[str]) -> QuerySet[Schedule]:
    """Keep the sessions that start in one of these half-days, by the clinic's clock."""
    hours = [HOURS[HalfDay(half)] for half in halves]
    fits = Q()
    for start, end in hours:
        fits |= Q(hour__gte=start, hour__lt=end)
    return schedules.alias(hour=LOCAL_HOUR).filter(fits)


def sittings(schedules: ScheduleQuerySet, booker: Booker, now: datetime) -> list[Sitting]:
    """Count the free places of schedules, in order of time. One query."""
    rows = schedules.select_related("doctor", "department__clinic", "room")
    counted = rows.annotate(remaining=remaining(booker, now), kept_until=kept_until(now))
    return [
        Sitting(row, row.remaining, None if row.remaining else row.kept_until)
        for row in counted.order_by("starts_at", "pk")
    ]


def remaining(booker: Booker, now: datetime) -> Coalesce:
    """Count the places of a schedule that a booker may claim, beside its columns."""
    free = Slot.objects.open_to(booker, now).filter(schedule=OuterRef("pk"))
    counted = free.order_by().values("schedule").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def kept_until(now: datetime) -> Subquery:
    """Tell when the first kept place of a schedule falls to all, beside its columns.

    What falls to all at the stop of the sale is sold on the day itself.
    """
    at = Case(
        When(
            reserved_until__gte=F("schedule__sale_stops_at"),
            then=Greatest("reserved_until", "schedule__same_day_from"),
        ),
        default="reserved_until",
    )
    kept = (
        Slot.objects.free()
        .filter(Q(returns_at__isnull=True) | Q(returns_at__lte=now), reserved_until__gt=now)
        .annotate(falls_at=at)
        .filter(schedule=OuterRef("pk"), starts_at__gt=F("falls_at"))
    )
    return Subquery(kept.order_by("falls_at").values("falls_at")[:1])


def free_chips(schedules: Iterable[Schedule], booker: Booker, now: datetime) -> list[Chip]:
    """List the free starts of schedules, in order of time. One query."""
    by_id = {schedule.pk: schedule for schedule in schedules}
    starts = Slot.objects.open_to(booker, now).filter(schedule__in=by_id)
    rows = starts.values("schedule_id", "starts_at", "ends_at").annotate(free=Count("id"))
    return [
        Chip(by_id[row["schedule_id"]], row["starts_at"], row["ends_at"], row["free"])
        for row in rows.order_by("starts_at", "schedule_id")
    ]


def is_free(schedule: Schedule, starts_at: datetime, terms: Terms, now: datetime) -> bool:
    """Tell whether a reader could take a place of a schedule at a start just now. One query."""
    places = Slot.objects.claimable(schedule, starts_at, terms.booker, now)
    return terms.is_open(schedule, now) and places.exists()


def own_visits(member: Member | None, start: datetime, end: datetime) -> list[Appointment]:
    """List what a member has booked that touches a period. No more than one query."""
    if member is None:
        return []
    booked = Appointment.objects.live().filter(member=member, hold_expires_at__isnull=True)
    return list(booked.filter(starts_at__lt=end, ends_at__gt=start))


def colleagues_chips(
    doctor: Doctor, day: date, terms: Terms, now: datetime, most: int = 3
) -> list[Chip]:
    """List the first free time that day of each other doctor of the department. Two queries."""
    rows = open_schedules(terms, now).filter(department=doctor.department, service_date=day)
    schedules = rows.exclude(doctor=doctor).select_related("doctor", "department__clinic")
    first: dict[int, Chip] = {}
    for chip in free_chips(schedules, terms.booker, now):
        first.setdefault(chip.schedule.doctor_id, chip)
    return list(first.values())[:most]


def nearest_chips(
    *,
    schedule: Schedule,
    starts_at: datetime | None,
    member: Member | None,
    terms: Terms,
    now: datetime,
    other_days_only: bool = False,
    most: int = 3,
) -> list[Chip]:
    """List the free times nearest to one that could not be had.

    Of the same doctor, then of the department; none that overlaps a visit of the member.
    """
    wanted = min(max(starts_at or schedule.starts_at, schedule.starts_at), schedule.ends_at)
    window = timedelta(days=14)
    near = open_schedules(terms, now).filter(
        starts_at__gt=wanted - window, starts_at__lt=wanted + window
    )
    if other_days_only:
        near = near.exclude(service_date=schedule.service_date)
    visits = own_visits(member, wanted - window, wanted + window)
    chips: list[Chip] = []
    for rows in (
        near.filter(doctor_id=schedule.doctor_id),
        near.filter(department_id=schedule.department_id).exclude(doctor_id=schedule.doctor_id),
    ):
        if len(chips) < most:
            found = free_chips(
                rows.select_related("doctor", "department__clinic"), terms.booker, now
            )
            found.sort(key=lambda chip: abs(chip.starts_at - wanted))
            chips += [
                chip
                for chip in found
                if not chip.overlaps(visits)
                and (chip.schedule, chip.starts_at) != (schedule, starts_at)
            ]
    return chips[:most]
