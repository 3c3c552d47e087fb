"""How is long work asked for, done once, cancelled, and carried on when its worker dies?"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from celery import current_app
from django.db import transaction

from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.services import Identified, record_event
from medbook.errors import Missing
from medbook.jobs.choices import JobState
from medbook.jobs.errors import JobIsOver, JobRunsToTheEnd
from medbook.jobs.kinds import Result, kind_of
from medbook.jobs.models import Job
from medbook.locks import retry_on_conflict

log = structlog.get_logger(__name__)

RUNNER = "medbook.jobs.tasks.run_jobs"
MOST_ATTEMPTS = 3
KEPT = timedelta(days=7)


class Stopped(Exception):
    """The job is cancelled, or another worker has begun it anew: this one goes no further."""


@dataclass(frozen=True)
class Running:
    """A job at work: one attempt, whose words count until it is cancelled or begun by another."""

    uid: uuid.UUID
    by_uid: uuid.UUID
    ids: Mapping[str, str]
    now: datetime
    attempt: int

    def reached(self, phase: str, done: int = 0, total: int = 0) -> None:
        """Say how far the work is, in a transaction of its own. Raises: Stopped."""
        self.note(phase=phase, done=done, total=max(done, total), heartbeat_at=clock.now())

    def note(self, **changed: object) -> None:
        """Write what this attempt has come to. Raises: Stopped."""
        mine = Job.objects.filter(uid=self.uid, state=JobState.RUNNING, attempts=self.attempt)
        if not mine.update(**changed):
            raise Stopped


def start_job(*, kind: str, by_uid: uuid.UUID, ids: Mapping[str, str], now: datetime) -> Job:
    """Ask for long work in the caller's transaction; a worker begins after its commit.

    Raises: KeyError for a kind that the settings do not name.
    """
    kind_of(kind)
    job = Job.objects.create(kind=kind, asked_by_uid=by_uid, ids=dict(ids), created_at=now)
    transaction.on_commit(poke_runner, robust=True)
    return job


def poke_runner() -> None:
    """Ask the worker to look for jobs; a sweep finds what this misses."""
    current_app.send_task(RUNNER, ignore_result=True, retry=False)


@retry_on_conflict
@transaction.atomic(durable=True)
def cancel_job(*, job_uid: uuid.UUID, by: Identified, now: datetime) -> Job:
    """Stop a job: what it has made stays, and nothing more is made.

    A worker that is at it learns so when it next says how far it is.
    Raises: Missing for who has no say in it, JobRunsToTheEnd, JobIsOver.
    """
    job = Job.objects.filter(uid=job_uid).defer("result").first()
    if job is None or not job.may_be_cancelled_by(by):
        raise Missing()
    if job.is_unfinished and not job.may_be_cancelled:
        raise JobRunsToTheEnd()
    unfinished = Job.objects.unfinished().filter(pk=job.pk)
    if not unfinished.update(state=JobState.CANCELLED, finished_at=now):
        raise JobIsOver()
    job.refresh_from_db()
    facts = {"kind": job.kind, "done": job.done, "total": job.total}
    record_event(Action.JOB_CANCELLED, subject=job, by=by, facts=facts)
    return job


def run_due_jobs(*, now: datetime, limit: int = 20) -> int:
    """Do what waits or was left lying, one after the other; tell how many were done."""
    done = 0
    for _each in range(limit):
        running = take_next_job(now=now)
        if running is None:
            break
        done += run_job(running)
    return done


@transaction.atomic(durable=True)
def take_next_job(*, now: datetime) -> Running | None:
    """Take the oldest job that nobody works on; what has failed too often is given up."""
    rows = Job.objects.due(now).order_by("id").select_for_update(skip_locked=True, no_key=True)
    for job in rows[:MOST_ATTEMPTS]:
        if job.attempts >= MOST_ATTEMPTS:
            job.state, job.finished_at = JobState.FAILED, now
            job.save(update_fields=["state", "finished_at"])
            continue
        job.state, job.attempts = JobState.RUNNING, job.attempts + 1
        job.phase, job.done, job.total = "", 0, 0
        job.started_at = job.started_at or now
        job.heartbeat_at = now
        job.save()
        return Running(job.uid, job.asked_by_uid, job.ids, now, job.attempts)
    return None


def run_job(running: Running) -> bool:
    """Do one job, and keep its result or that it failed; never why, which may name people."""
    kind = Job.objects.values_list("kind", flat=True).get(uid=running.uid)
    try:
        result = kind_of(kind).run(running)
        _finish(running, result)
    except Stopped:
        return False
    except Exception as error:
        log.warning("job.failed", kind=kind, error=type(error).__name__)
        _fail(running)
        return False
    return True


@transaction.atomic(durable=True)
def _finish(running: Running, result: Result | None) -> None:
    now = clock.now()
    running.note(state=JobState.DONE, finished_at=now, expires_at=now + KEPT)
    if result is not None:
        job = Job.objects.get(uid=running.uid)
        job.result = result.content
        job.result_name, job.content_type = result.name, result.content_type
        job.save(update_fields=["result", "result_name", "content_type"])


def _fail(running: Running) -> None:
    try:
        running.note(state=JobState.FAILED, finished_at=clock.now())
    except Stopped:
        return


def forget_old_jobs(*, now: datetime) -> int:
    """Delete finished jobs with their results when their time is over; tell how many."""
    return Job.objects.filter(finished_at__lte=now - KEPT).delete()[0]
