"""What has the nightly release to make, and what did it do?"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

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
from scheduling.selectors.generation import DueDate, lacking_dates


def due_dates(*, now: datetime, department_code: str | None = None) -> list[DueDate]:
    """List what the release has to make: dates in the horizon without a finished run, and dates
    on which a valid template has no schedule yet. Five queries, whatever the number of dates.
    """
    open_departments = Department.objects.filter(is_active=True, clinic__is_active=True)
    if department_code is not None:
        open_departments = open_departments.filter(code=department_code)
    horizons = {
        department: _horizon(department, now)
        for department in open_departments.select_related("clinic").order_by("clinic_id", "code")
    }
    return _due(horizons)


def chosen_dates(departments: Iterable[Department], first: date, last: date) -> list[DueDate]:
    """List what is missing of some departments' dates, both days included. Four queries."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return _due(dict.fromkeys(departments, days))


def _due(horizons: "Horizons") -> list[DueDate]:
    dates = [DueDate(department, day) for department, days in horizons.items() for day in days]
    done = _done_dates(horizons)
    lacking = lacking_dates(dates)
    return [
        due for due in dates if due.service_date not in done[due.department.pk] or due in lacking
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


def latest_runs(count: int = 20) -> list[ReleaseRun]:
    """List the runs that finished last."""
    runs = release_runs().filter(finished_at__isnull=False)
    return list(runs.order_by("-finished_at", "-service_date")[:count])


def release_runs() -> QuerySet[ReleaseRun]:
    """Read runs with their departments and clinics, in one query."""
    return ReleaseRun.objects.select_related("department__clinic")


def clash_sentences(run: ReleaseRun) -> list[str]:
    """Say, one by one, why a run could not follow a roster template. Two queries."""
    return obstacle_sentences(run.clashes)


def obstacle_sentences(obstacles: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say, one by one, what keeps patterns from being followed. Two queries."""
    templates = RosterTemplate.objects.select_related("doctor", "room", "visit_type").in_bulk(
        [clash["template"] for clash in obstacles]
    )
    schedules = schedules_in_full().in_bulk([clash["schedule"] for clash in obstacles])
    return [
        _("%(template)s: %(why)s")
        % {
            "template": templates.get(clash["template"], clash["template"]),
            "why": _why(
                clash["reason"],
                schedules.get(clash["schedule"]),
                templates.get(clash["template"]),
            ),
        }
        for clash in obstacles
    ]


def _why(reason: str, schedule: Schedule | None, template: RosterTemplate | None) -> str:
    if schedule is not None:
        return schedule.said_to_clash(reason)
    if reason == "no_price" and template is not None:
        text = _("the price list has no price for “%(visit_type)s” with the title “%(title)s”.")
        title = template.doctor.get_title_display()
        return text % {"visit_type": template.visit_type, "title": title}
    if reason == "hours":
        return _("there are no such hours on that day.")
    if reason == "leave":
        return _("the doctor is away then.")
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


def _span(horizons: Horizons) -> tuple[date, date]:
    days = list(_all_days(horizons))
    return (min(days), max(days)) if days else (date.max, date.min)


def _all_days(horizons: Horizons) -> Iterator[date]:
    for days in horizons.values():
        yield from days
