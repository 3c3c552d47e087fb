"""How do weekly patterns become the schedules and places of the coming dates?"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

import structlog
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction

from medbook import locks
from medbook.audit.choices import Action, Outcome
from medbook.audit.services import record_event
from members.models import User
from scheduling.choices import RunState
from scheduling.models import Department, ReleaseRun, Schedule
from scheduling.selectors.generation import DueDate, Obstacle, PlannedDate, planned_dates
from scheduling.selectors.releases import chosen_dates, due_dates
from scheduling.services.leaves import lock_doctors
from scheduling.services.places import make_slots

log = structlog.get_logger(__name__)

TOGETHER = 7  # dates of a department; their doctors are locked for as long


@dataclass(frozen=True)
class MadeDate:
    """What one run did for one department's date; `run` also counts what earlier ones did."""

    run: ReleaseRun
    schedules: int = 0
    slots: int = 0


Tell = Callable[[int, int, MadeDate | None], None]


def make_due_schedules(
    *,
    now: datetime,
    by: User | None = None,
    department_code: str | None = None,
    tell: Tell | None = None,
) -> list[MadeDate]:
    """Make what is missing in every department's horizon, some dates in a transaction.

    Any number of runs, late, doubled or at once, come to the same end: docs/flows/release.md.
    A date that fails is noted as failed and tried again by the next run; the others go on.
    `tell` hears after each date how many of how many are done, and what was made of it.
    Raises: DatabaseError when the database is away.
    """
    due = due_dates(now=now, department_code=department_code)
    return _make_dates(due=due, now=now, by=by, tell=tell)


def generate_schedules(
    *,
    departments: Iterable[Department],
    first: date,
    last: date,
    now: datetime,
    by: User | None = None,
    tell: Tell | None = None,
) -> list[MadeDate]:
    """Make what is missing of chosen departments and dates, as the nightly run would.

    Both days included. Raises: DatabaseError when the database is away.
    """
    return _make_dates(due=chosen_dates(departments, first, last), now=now, by=by, tell=tell)


def _make_dates(
    *, due: list[DueDate], now: datetime, by: User | None, tell: Tell | None
) -> list[MadeDate]:
    dates: list[MadeDate] = []
    count = 0
    batches = list(_batches(due))
    for batch, made in zip(batches, _made_side_by_side(batches, now, by), strict=True):
        by_day = {one.run.service_date: one for one in made}
        dates += made
        for one in batch:
            count += 1
            if tell:
                tell(count, len(due), by_day.get(one.service_date))
    return dates


def _made_side_by_side(
    batches: list[list[DueDate]], now: datetime, by: User | None
) -> Iterator[list[MadeDate]]:
    """Make batches in order, a few at once: one is worked out while the database writes another.

    Each thread has a connection of its own. Who stops listening stops what has not begun.
    """
    if settings.RELEASE_THREADS == 1 or len(batches) == 1:
        yield from (_make_batch(batch, now, by) for batch in batches)
        return
    pool = ThreadPoolExecutor(settings.RELEASE_THREADS)
    try:
        yield from pool.map(
            lambda batch, context: context.run(_make_alone, batch, now, by),
            batches,
            [copy_context() for _batch in batches],
        )
    finally:
        pool.shutdown(cancel_futures=True)


def _make_alone(batch: list[DueDate], now: datetime, by: User | None) -> list[MadeDate]:
    try:
        return _make_batch(batch, now, by)
    finally:
        connection.close()


def _batches(due: Iterable[DueDate]) -> Iterator[list[DueDate]]:
    """Put the dates of a department together that share a transaction and what it reads."""
    for _department, group in groupby(due, key=lambda one: one.department.pk):
        dates = list(group)
        for start in range(0, len(dates), TOGETHER):
            yield dates[start : start + TOGETHER]


def _make_batch(batch: list[DueDate], now: datetime, by: User | None) -> list[MadeDate]:
    """Make some dates of a department together; where one of them fails, each by itself."""
    try:
        return _make_together(batch, now, by)
    except Exception as error:
        if isinstance(error, DatabaseError) and locks.is_away(error):
            raise
        if len(batch) > 1:
            return [made for due in batch for made in _make_batch([due], now, by)]
        return [MadeDate(_note_failure(due=batch[0], error=error, now=now, by=by))]


@locks.retry_on_conflict
@transaction.atomic(durable=True)
def _make_together(batch: list[DueDate], now: datetime, by: User | None) -> list[MadeDate]:
    """Make dates of one department, except those that another run is making right now."""
    mine = [due for due in batch if _spared(due)]
    lock_doctors(batch[0].department.doctors.values_list("pk", flat=True))
    return [_make_date(planned, now, by) for planned in planned_dates(mine)]


def _make_date(planned: PlannedDate, now: datetime, by: User | None) -> MadeDate:
    due = planned.due
    run, is_new = ReleaseRun.objects.get_or_create(
        department=due.department, service_date=due.service_date, defaults={"started_at": now}
    )
    was_done = run.state == RunState.DONE
    made = _insert(planned.schedules)
    left_out = (schedule for schedule in planned.schedules if schedule.pk is None)
    obstacles = [*planned.obstacles, *_explain(left_out)]
    slots_made = make_slots(made, now=now)
    run.state = RunState.DONE
    run.started_at = run.finished_at = now
    run.schedules_made += len(made)
    run.slots_made += slots_made
    run.clashes = [obstacle.as_fact() for obstacle in obstacles]
    run.error = ""
    run.save()
    if made or is_new or not was_done:
        record_event(
            Action.RELEASE_RUN,
            subject=run,
            by=by,
            facts={
                "date": due.service_date.isoformat(),
                "schedules": len(made),
                "places": slots_made,
                "clashes": len(obstacles),
            },
        )
    return MadeDate(run, len(made), slots_made)


@transaction.atomic(durable=True)
def _note_failure(*, due: DueDate, error: Exception, now: datetime, by: User | None) -> ReleaseRun:
    """Keep the kind of an error, not its words: they may quote rows."""
    kind = " ".join(filter(None, (type(error).__name__, locks.sqlstate(error))))
    log.warning("release.failed", date=due.service_date.isoformat(), error=kind)
    run, _ = ReleaseRun.objects.update_or_create(
        department=due.department,
        service_date=due.service_date,
        defaults={
            "state": RunState.FAILED,
            "started_at": now,
            "finished_at": now,
            "error": kind,
        },
    )
    record_event(Action.RELEASE_RUN, subject=run, by=by, outcome=Outcome.ERROR, reason=kind)
    return run


def _spared(due: DueDate) -> bool:
    """Take the date for this transaction, to spare double work; nothing depends on it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s::int, %s::int)",
            [due.department.pk % 2**31, due.service_date.toordinal()],
        )
        return bool(cursor.fetchone()[0])


def _insert(schedules: list[Schedule]) -> list[Schedule]:
    """Write what neither exists nor clashes, in one statement; give what was written.

    Where anything is in the way, ON CONFLICT DO NOTHING leaves out the template and date that
    another run has made, and whatever an exclusion constraint forbids. That looks twice at every
    row and is twice as slow, so it is not tried first.
    """
    try:
        with transaction.atomic():
            return Schedule.objects.bulk_create(schedules)
    except IntegrityError:
        return _insert_what_fits(schedules)


def _insert_what_fits(schedules: list[Schedule]) -> list[Schedule]:
    Schedule.objects.bulk_create(schedules, ignore_conflicts=True)
    by_uid: dict[uuid.UUID, Schedule] = {schedule.uid: schedule for schedule in schedules}
    for schedule in schedules:
        schedule.pk = None
    for pk, uid in Schedule.objects.filter(uid__in=by_uid).values_list("pk", "uid"):
        by_uid[uid].pk = pk  # the uid tells whose row was written
    return [schedule for schedule in schedules if schedule.pk is not None]


def _explain(left_out: Iterable[Schedule]) -> list[Obstacle]:
    """Tell what keeps the doctor or the room of each schedule busy."""
    obstacles = []
    for schedule in left_out:
        clash = Schedule.objects.clashing_with(schedule).order_by("id").first()
        template_id = schedule.template_id
        if clash is not None and template_id is not None and clash.template_id != template_id:
            reason = "doctor" if clash.doctor_id == schedule.doctor_id else "room"
            obstacles.append(Obstacle(template_id, reason, clash.pk))
    return obstacles
