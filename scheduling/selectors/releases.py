"""What has the nightly release to make, and what did it do?"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduling.choices import RunState
from scheduling.models import (
    Department,
    ReleaseRun,
    RosterTemplate,
    Schedule,
)
from scheduling.rules import sessions as rules
from scheduling.selectors.catalogue import schedules_in_full


@dataclass(frozen=True)
class DueDate:
    """One department's date that the release has to make."""

    department: Department
    service_date: date


def due_dates(*, now: datetime, department_code: str | None = None) -> list[DueDate]:
    """List what the release has to make: dates in the horizon without a finished run, and dates
    on which a valid template has no schedule yet. Four queries, whatever the number of dates.
    """
    open_departments = Department.objects.filter(is_active=True, clinic__is_active=True)
    if department_code is not None:
        open_departments = open_departments.filter(code=department_code)
    horizons = {
        department: _horizon(department, now)
        for department in open_departments.select_related("clinic").order_by("clinic_id", "code")
    }
    done = _done_dates(horizons)
    lacking = _lacking_dates(horizons)
    return [
        DueDate(department, day)
        for department, days in horizons.items()
        for day in days
        if day not in done[department.pk] or day in lacking[department.pk]
    ]


def overdue_release(*, now: datetime) -> str | None:
    """Say that dates are missing which the nightly run should have made by 02:15 clinic time."""
    rostered = Department.objects.filter(
        Exists(RosterTemplate.objects.filter(doctor__department=OuterRef("pk"))),
        is_active=True,
        clinic__is_active=True,
    )
    horizons = {
        department: _horizon(department, now, rules.RUN_IS_LATE_AT)
        for department in rostered.select_related("clinic")
    }
    done = _done_dates(horizons)
    missing = sum(
        day not in done[department.pk] for department, days in horizons.items() for day in days
    )
    if not missing:
        return None
    text = ngettext(
        "The release is overdue: %(count)d date of a department has no schedules yet.",
        "The release is overdue: %(count)d dates of departments have no schedules yet.",
        missing,
    )
    return text % {"count": missing}


def templates_asking_for(department: Department, day: date) -> list[RosterTemplate]:
    """List the weekly patterns from which a department's date still lacks a schedule."""
    return list(
        RosterTemplate.objects.valid_between(day, day)
        .filter(doctor__department=department, doctor__is_active=True, weekday=day.weekday())
        .exclude(Exists(Schedule.objects.filter(template=OuterRef("pk"), service_date=day)))
        .select_related("doctor", "room", "visit_type")
        .order_by("id")
    )


def latest_runs(count: int = 20) -> list[ReleaseRun]:
    """List the runs that finished last."""
    runs = release_runs().filter(finished_at__isnull=False)
    return list(runs.order_by("-finished_at", "-service_date")[:count])


def release_runs() -> QuerySet[ReleaseRun]:
    """Read runs with their departments and clinics, in one query."""
    return ReleaseRun.objects.select_related("department__clinic")


def clash_sentences(run: ReleaseRun) -> list[str]:
    """Say, one by one, why a run could not follow a roster template. Two queries."""
    templates = RosterTemplate.objects.select_related("doctor", "room").in_bulk(
        [clash["template"] for clash in run.clashes]
    )
    schedules = schedules_in_full().in_bulk([clash["schedule"] for clash in run.clashes])
    return [
        _("%(template)s: %(why)s")
        % {
            "template": templates.get(clash["template"], clash["template"]),
            "why": _why(clash["reason"], schedules.get(clash["schedule"])),
        }
        for clash in run.clashes
    ]


def _why(reason: str, schedule: Schedule | None) -> str:
    if schedule is not None:
        return schedule.said_to_clash(reason)
    if reason == "hours":
        return _("there are no such hours on that day.")
    if reason == "room_closed":
        return _("the room is not active.")
    return _("the doctor or the room is busy at that time.")


Horizons = dict[Department, list[date]]


def _horizon(
    department: Department, now: datetime, since: time = rules.NIGHTLY_RUN_AT
) -> list[date]:
    return rules.horizon_dates(now, department.clinic.time_zone, department.horizon_days, since)


def _done_dates(horizons: Horizons) -> defaultdict[int, set[date]]:
    done: defaultdict[int, set[date]] = defaultdict(set)
    first, last = _span(horizons)
    runs = ReleaseRun.objects.filter(state=RunState.DONE, service_date__range=(first, last))
    for department_id, day in runs.values_list("department_id", "service_date"):
        done[department_id].add(day)
    return done


def _lacking_dates(horizons: Horizons) -> defaultdict[int, set[date]]:
    """Tell on which dates a valid template has no schedule, by department."""
    lacking: defaultdict[int, set[date]] = defaultdict(set)
    first, last = _span(horizons)
    by_id = {department.pk: days for department, days in horizons.items()}
    made = set(
        Schedule.objects.filter(
            template__isnull=False, service_date__range=(first, last)
        ).values_list("template_id", "service_date")
    )
    templates = RosterTemplate.objects.valid_between(first, last).filter(
        doctor__is_active=True, doctor__department__in=by_id
    )
    columns = ("id", "doctor__department_id", "weekday", "valid_from", "valid_until")
    for template_id, department_id, weekday, since, until in templates.values_list(*columns):
        lacking[department_id].update(
            day
            for day in by_id[department_id]
            if day.weekday() == weekday
            and since <= day <= (until or day)
            and (template_id, day) not in made
        )
    return lacking


def _span(horizons: Horizons) -> tuple[date, date]:
    days = list(_all_days(horizons))
    return (min(days), max(days)) if days else (date.max, date.min)


def _all_days(horizons: Horizons) -> Iterator[date]:
    for days in horizons.values():
        yield from days
