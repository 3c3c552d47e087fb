"""What do the numbers of all apps say together, and is the database as it must be?"""

import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from django.db import connections
from django.db.models import Count, Q, Sum

from appointments.choices import AppointmentState
from appointments.models import Appointment
from reports.rules import Tally
from scheduling.choices import ScheduleState
from scheduling.models import Department, Schedule

INVARIANTS = Path(__file__).parents[1] / "invariants.sql"
WHILE_WORKERS_RUN = "-- while workers run\n"
MOST_SHOWN = 20


@dataclass(frozen=True)
class DepartmentDay:
    """What became of one department's places on one date."""

    department: Department
    day: date
    tally: Tally


def bookings_per_department_and_day(
    *, departments: Collection[Department], start: date, end: date, using: str
) -> list[DepartmentDay]:
    """Count places and bookings of each department and date, `start` ≤ date < `end`.

    Sessions called off offer nothing; holds that were never confirmed are no bookings.
    Two queries, whatever the number of days.
    """
    within = {"department__in": departments, "service_date__gte": start, "service_date__lt": end}
    tallies: defaultdict[tuple[date, int], Tally] = defaultdict(Tally)
    offered = (
        Schedule.objects.using(using)
        .filter(state__in=(ScheduleState.PUBLISHED, ScheduleState.FINISHED), **within)
        .values_list("service_date", "department_id")
        .annotate(offered=Sum("max_appointments"))
    )
    for day, department_id, places in offered:
        tallies[day, department_id] += Tally(offered=places)
    agreed = (
        Appointment.objects.using(using)
        .filter(confirmed_at__isnull=False, **within)
        .values_list("service_date", "department_id")
        .annotate(
            booked=Count("id"),
            attended=Count("id", filter=Q(arrived_at__isnull=False)),
            cancelled=Count("id", filter=Q(state=AppointmentState.CANCELLED)),
            called_off=Count("id", filter=Q(state=AppointmentState.CALLED_OFF)),
        )
    )
    for day, department_id, *counts in agreed:
        tallies[day, department_id] += Tally(0, *counts)
    by_id = {department.pk: department for department in departments}
    return [
        DepartmentDay(by_id[department_id], day, tallies[day, department_id])
        for day, department_id in sorted(tallies)
    ]


@dataclass(frozen=True)
class Invariant:
    """One truth about the whole database, and the query for what breaks it."""

    name: str
    sentence: str
    sql: str
    needs_workers: bool


def invariants() -> list[Invariant]:
    """Read the truths from their file."""
    text = INVARIANTS.read_text()
    always, _, while_workers_run = text.partition(WHILE_WORKERS_RUN)
    return [*_read(always, needs_workers=False), *_read(while_workers_run, needs_workers=True)]


def broken_invariants(
    *, now: datetime, workers_run: bool, using: str = "default"
) -> dict[str, list[str]]:
    """Name the truths that do not hold, each with up to 20 rows that break it."""
    broken = {}
    with connections[using].cursor() as cursor:
        for truth in invariants():
            if workers_run or not truth.needs_workers:
                cursor.execute(truth.sql, {"now": now})
                if found := [str(row[0]) for row in cursor.fetchmany(MOST_SHOWN)]:
                    broken[truth.name] = found
    return broken


def _read(text: str, *, needs_workers: bool) -> list[Invariant]:
    parts = re.findall(r"^-- name: (\w+)\n-- (.+)\n((?:.+\n)+)", text, re.MULTILINE)
    return [
        Invariant(name, sentence, sql.strip().rstrip(";"), needs_workers)
        for name, sentence, sql in parts
    ]
