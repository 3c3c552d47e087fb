"""What has a job that makes sessions come to, and where is the same asked for anew?"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from medbook.jobs.kinds import Problem, SoFar
from scheduling.choices import RunState
from scheduling.models import Department, ReleaseRun
from scheduling.rules.weeks import Week
from scheduling.selectors.releases import obstacle_sentences

PROBLEMS_SHOWN = 5
Ids = Mapping[str, str]


def departments_of(ids: Ids) -> QuerySet[Department]:
    """List the departments of a job, in the order in which it goes through them."""
    uids = [uuid.UUID(uid) for uid in ids["departments"].split()]
    return Department.objects.filter(uid__in=uids).order_by("clinic__code", "code")


def generated_so_far(ids: Ids, since: datetime) -> SoFar:
    """Count the dates that were made since an instant; tell the last that were not in full.

    Four queries at most.
    """
    runs = ReleaseRun.objects.filter(
        department__in=departments_of(ids).order_by(),
        service_date__range=(ids["first"], ids["last"]),
        finished_at__gte=since,
    )
    has_failed, is_whole = Q(state=RunState.FAILED), Q(clashes=[])
    counted = runs.aggregate(
        made=Count("pk", filter=~has_failed & is_whole),
        in_part=Count("pk", filter=~has_failed & ~is_whole),
        failed=Count("pk", filter=has_failed),
    )
    latest = runs.filter(has_failed | ~is_whole).select_related("department")
    latest = latest.order_by("-department__clinic__code", "-department__code", "-service_date")
    counts = {
        _("Dates made in full"): counted["made"],
        _("Dates with conflicts"): counted["in_part"],
        _("Dates that failed"): counted["failed"],
    }
    return SoFar(counts, _problems(latest[:PROBLEMS_SHOWN]))


def asked_anew(ids: Ids) -> str:
    """Give the address of the page that asks for the same weeks and departments. One query."""
    first, last = (date.fromisoformat(ids[name]) for name in ("first", "last"))
    week = Week.of(first)
    weeks = (last - week.monday).days // 7 + 1
    chosen = [("department", pk) for pk in departments_of(ids).values_list("pk", flat=True)]
    asked = urlencode([("week", week), ("weeks", weeks), *chosen])
    return f"{reverse('admin:roster_generate')}?{asked}"


def _problems(runs: Iterable[ReleaseRun]) -> list[Problem]:
    found = list(runs)
    reasons = obstacle_sentences([obstacle for run in found for obstacle in run.clashes])
    told = iter(reasons)
    problems = []
    for run in found:
        mine = [next(told) for _obstacle in run.clashes]
        problems.append(Problem(str(run), run.error or " ".join(mine)))
    return problems
