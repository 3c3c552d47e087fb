"""Which doctors and departments does somebody find, and what do their cards say?"""

import re
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Value, When

from appointments.selectors.free_times import (
    Chip,
    Sitting,
    free_chips,
    in_half_days,
    kept_until,
    open_schedules,
    sittings,
)
from appointments.selectors.terms import Terms
from billing.rules.prices import Quote
from medbook import clock
from members.models import User
from scheduling.choices import ScheduleState
from scheduling.models import Clinic, Department, Doctor, Schedule, Slot
from scheduling.rules.sessions import searched

OPENING_SOON = timedelta(hours=48)
FORMS_OF_ADDRESS = ("doctor", "dr")
MOST_WORDS = 6


@dataclass(frozen=True)
class DoctorFilters:
    """What somebody looks for; an empty filter lets everybody through."""

    q: str = ""
    department: str = ""
    day: date | None = None
    half: str = ""
    title: str = ""

    @property
    def in_use(self) -> list[str]:
        """Name the filters that are set."""
        return [field.name for field in fields(self) if getattr(self, field.name)]


@dataclass(frozen=True)
class Opening:
    """A schedule that this reader can book from an instant on."""

    schedule: Schedule
    opens_at: datetime


@dataclass(frozen=True)
class DoctorCard:
    """A doctor with price and first free times; where none is free, with the next release."""

    doctor: Doctor
    price: Quote | None
    chips: list[Chip]
    free_this_week: int
    next_open_on: date | None
    opening: Opening | None


def main_clinic(reader: User | AnonymousUser | None) -> Clinic | None:
    """Return the clinic whose phone stands on pages about no clinic in particular."""
    return Clinic.objects.filter(is_active=True).order_by("pk").first()


def departments() -> list[Department]:
    """List the departments that have doctors, with their clinics. One query."""
    doctors = Doctor.objects.filter(department=OuterRef("pk"), is_active=True)
    rows = Department.objects.filter(Exists(doctors), is_active=True, clinic__is_active=True)
    return list(rows.select_related("clinic").order_by("clinic_id", "pk"))


def doctors() -> QuerySet[Doctor]:
    """Keep the doctors whom members see."""
    seen = Doctor.objects.filter(is_active=True, department__is_active=True)
    return seen.select_related("department__clinic")


def seen_schedule(uid: uuid.UUID) -> Schedule | None:
    """Find a schedule that members see, with doctor and clinic."""
    rows = Schedule.objects.exclude(state=ScheduleState.DRAFT).filter(uid=uid)
    return rows.select_related("doctor", "department__clinic").first()


def found_doctors(filters: DoctorFilters, terms: Terms, now: datetime) -> QuerySet[Doctor]:
    """Keep the doctors who fit all filters, the soonest free first."""
    first = _open_of_doctor(filters, terms, now).values("starts_at")[:1]
    return (
        doctors()
        .filter(_matching(filters, terms, now))
        .annotate(first_free_at=first)
        .order_by(F("first_free_at").asc(nulls_last=True), "pk")
    )


def loosest_filter(filters: DoctorFilters, terms: Terms, now: datetime) -> tuple[str, int] | None:
    """Name the filter without which most doctors are found, and how many. One query."""
    if not filters.in_use:
        return None
    nothing = DoctorFilters()
    counts = doctors().aggregate(
        **{
            f"without_{name}": Count(
                "pk",
                filter=_matching(replace(filters, **{name: getattr(nothing, name)}), terms, now),
            )
            for name in filters.in_use
        }
    )
    name, count = max(counts.items(), key=lambda item: item[1])
    return (name.removeprefix("without_"), count) if count else None


def doctor_cards(
    people: list[Doctor],
    terms: Terms,
    now: datetime,
    *,
    filters: DoctorFilters | None = None,
    most_chips: int = 3,
) -> list[DoctorCard]:
    """Describe doctors with their first free times that fit.

    Two queries, however many doctors; one more where some have no free time.
    """
    wish = filters or DoctorFilters()
    rows = sittings(open_schedules(terms, now).filter(doctor__in=people), terms.booker, now)
    fitting = set(
        _at(open_schedules(terms, now).filter(doctor__in=people), wish).values_list("pk", flat=True)
        if wish.day or wish.half
        else (row.schedule.pk for row in rows)
    )
    by_doctor = defaultdict(list)
    for row in rows:
        by_doctor[row.schedule.doctor_id].append(row)
    # Each has a free start, so the first few are enough to fill a card.
    chosen = [
        row.schedule
        for mine in by_doctor.values()
        for row in [row for row in mine if row.schedule.pk in fitting][:most_chips]
    ]
    chips = defaultdict(list)
    for chip in free_chips(chosen, terms.booker, now):
        chips[chip.schedule.doctor_id].append(chip)
    full = [doctor for doctor in people if doctor.pk not in by_doctor]
    openings = next_openings(full, terms, now) if full else {}
    return [
        _card(
            doctor,
            by_doctor[doctor.pk],
            chips[doctor.pk][:most_chips],
            openings.get(doctor.pk),
            terms,
            now,
        )
        for doctor in people
    ]


def next_openings(doctors: Iterable[Doctor], terms: Terms, now: datetime) -> dict[int, Opening]:
    """Find what opens next for a reader, by the doctor's id. One query.

    That is a session whose sale opens, or one of which all that is free is kept for others until
    then.
    """
    is_to_open = Q(release_at__gt=now + terms.early)
    is_free = Exists(Slot.objects.open_to(terms.booker, now).filter(schedule=OuterRef("pk")))
    opens_at = Case(
        When(is_to_open, then=F("release_at") - Value(terms.early)), default=kept_until(now)
    )
    rows = (
        Schedule.objects.published()
        .filter(is_to_open | ~is_free, doctor__in=doctors, ends_at__gt=now)
        .annotate(opens_for_reader_at=opens_at)
        .filter(opens_for_reader_at__isnull=False)
        .select_related("department__clinic")
        .order_by("doctor", "opens_for_reader_at", "starts_at")
        .distinct("doctor")
    )
    return {row.doctor_id: Opening(row, row.opens_for_reader_at) for row in rows}


def opening_soon(terms: Terms, now: datetime, most: int = 5) -> list[Opening]:
    """List what opens for a reader within 48 hours. One query."""
    rows = (
        Schedule.objects.published()
        .filter(
            release_at__gt=now + terms.early,
            release_at__lte=now + terms.early + OPENING_SOON,
            doctor__is_active=True,
            starts_at__gt=now,
        )
        .select_related("doctor", "department__clinic")
        .order_by("release_at", "starts_at", "pk")
    )
    return [Opening(row, row.release_at - terms.early) for row in rows[:most]]


def _matching(filters: DoctorFilters, terms: Terms, now: datetime) -> Q:
    """Write filters as one condition on doctors."""
    condition = Q()
    for word in _words(filters.q):
        condition &= (
            Q(search_text__icontains=word)
            | Q(department__name_en__icontains=word)
            | Q(department__name_zh__icontains=word)
        )
    if filters.department:
        condition &= Q(department__code=filters.department)
    if filters.title:
        condition &= Q(title=filters.title)
    if filters.day or filters.half:
        condition &= Q(Exists(_open_of_doctor(filters, terms, now)))
    return condition


def _words(q: str) -> list[str]:
    """Split what was typed; "Dr Chen" and "陈医生" mean Chen."""
    words = [re.sub(r"(医生|大夫)$", "", word) for word in searched(q).split()]
    return [word for word in words if word and word not in FORMS_OF_ADDRESS][:MOST_WORDS]


def _open_of_doctor(filters: DoctorFilters, terms: Terms, now: datetime) -> QuerySet[Schedule]:
    return _at(open_schedules(terms, now).filter(doctor=OuterRef("pk")), filters)


def _at(schedules: QuerySet[Schedule], filters: DoctorFilters) -> QuerySet[Schedule]:
    """Keep the schedules of a day and half-day, by the clinic's clock."""
    if filters.day:
        schedules = schedules.filter(service_date=filters.day)
    if filters.half:
        schedules = in_half_days(schedules, [filters.half])
    return schedules


def _card(
    doctor: Doctor,
    rows: list[Sitting],
    chips: list[Chip],
    opening: Opening | None,
    terms: Terms,
    now: datetime,
) -> DoctorCard:
    today = clock.local_date(now, doctor.department.clinic.time_zone)
    this_week = [row for row in rows if row.schedule.service_date < today + timedelta(days=7)]
    priced = chips[0].schedule if chips else rows[0].schedule if rows else None
    return DoctorCard(
        doctor=doctor,
        price=terms.price(priced) if priced else None,
        chips=chips,
        free_this_week=sum(row.free for row in this_week),
        next_open_on=rows[0].schedule.service_date if rows else None,
        opening=opening,
    )
