"""How are the sessions of chosen weeks made, as a job that says how far it is?"""

import csv
import io
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from medbook.idempotency.services import once
from medbook.jobs.kinds import JobKind, Result, Work
from medbook.jobs.models import Job
from medbook.jobs.services import start_job
from medbook.locks import retry_on_conflict
from medbook.spreadsheets import plain_cell
from members.models import User
from scheduling.models import Department
from scheduling.rules.generation import require_possible
from scheduling.selectors.generation import DueDate
from scheduling.selectors.generation_job import asked_anew, departments_of, generated_so_far
from scheduling.selectors.releases import clash_sentences
from scheduling.services.release import MadeDate, generate_schedules

KIND = "generation"


@dataclass(frozen=True)
class Generation:
    """Which departments' dates are to be made, both days included."""

    departments: Collection[Department]
    first: date
    last: date

    @property
    def dates(self) -> list[DueDate]:
        """Every date of every department, department by department."""
        days = range(self.first.toordinal(), self.last.toordinal() + 1)
        return [DueDate(each, date.fromordinal(day)) for each in self.departments for day in days]


@dataclass(frozen=True)
class Started:
    """A job, and whether an earlier request started it."""

    job: Job
    is_replay: bool


@retry_on_conflict
@transaction.atomic(durable=True)
def start_generation(
    *, wanted: Generation, by: User, now: datetime, idempotency_key: str = ""
) -> Started:
    """Ask for the sessions of chosen dates; a worker makes them.

    The same key of the same person gives the job that it started before.
    Raises: PeriodImpossible, IdempotencyKeyReused.
    """
    require_possible(wanted.first, wanted.last, now)
    ids = {
        "departments": " ".join(str(each.uid) for each in wanted.departments),
        "first": wanted.first.isoformat(),
        "last": wanted.last.isoformat(),
    }
    if not idempotency_key:
        return Started(start_job(kind=KIND, by_uid=by.uid, ids=ids, now=now), is_replay=False)
    with once(by, "generate_schedules", idempotency_key, ids) as attempt:
        if attempt.earlier_uid:
            return Started(Job.objects.get(uid=attempt.earlier_uid), is_replay=True)
        job = start_job(kind=KIND, by_uid=by.uid, ids=ids, now=now)
        attempt.remember(job)
        return Started(job, is_replay=False)


def run_generation(work: Work) -> Result:
    """Make what is missing, date by date; begun again, it goes on with what is still missing."""
    work.reached("looking")
    made = generate_schedules(
        departments=departments_of(work.ids),
        first=date.fromisoformat(work.ids["first"]),
        last=date.fromisoformat(work.ids["last"]),
        now=work.now,
        by=User.objects.filter(uid=work.by_uid).first(),
        tell=lambda count, total, made: work.reached("making", count, total),
    )
    name = f"generation-{work.ids['first']}-{work.ids['last']}.csv"
    return Result(_told(made), name, "text/csv; charset=utf-8")


GENERATION = JobKind(
    label=gettext_lazy("Sessions of chosen weeks"),
    phases={
        "looking": gettext_lazy("Looking what is missing"),
        "making": gettext_lazy("Making sessions and places"),
    },
    run=run_generation,
    if_cancelled=gettext_lazy("The sessions made by then stay; no more are made."),
    so_far=generated_so_far,
    again=asked_anew,
)


def _told(made: list[MadeDate]) -> bytes:
    """Write down of which dates something was made, or was not and why."""
    file = io.StringIO()
    table = csv.writer(file)
    header = (_("Department"), _("Date"), _("State"), _("Schedules"), _("Places"), _("Not made"))
    table.writerow(header)
    for each in made:
        run = each.run
        if not (each.schedules or run.clashes or run.error):
            continue
        not_made = [run.error] if run.error else clash_sentences(run)
        row = [str(run.department), run.service_date.isoformat(), run.get_state_display()]
        row += [str(each.schedules), str(each.slots), " ".join(not_made)]
        table.writerow([plain_cell(cell) for cell in row])
    return file.getvalue().encode()
