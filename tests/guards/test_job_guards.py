"""The guard of cancelled jobs, taken away: does the harm happen?"""

from functools import partial

import pytest

from medbook import clock
from medbook.jobs import services as jobs
from medbook.jobs.models import Job
from tests.medbook import jobs_kinds
from tests.medbook.test_jobs import asked_by_themselves, start

pytestmark = pytest.mark.django_db(transaction=True)


def cancelled_in_the_middle(settings):
    """Cancel a job in the middle of its work; return what it wrote, and its last state."""
    settings.JOB_KINDS = {"stop": "tests.medbook.jobs_kinds.STOP"}
    jobs_kinds.seen.clear()
    job = start("stop")
    jobs_kinds.cancel.append(partial(jobs.cancel_job, **asked_by_themselves(job)))
    jobs.run_due_jobs(now=clock.now())
    job.refresh_from_db()
    return jobs_kinds.seen, job.state


def test_a_worker_writes_only_into_a_job_that_runs(settings):
    assert cancelled_in_the_middle(settings) == ([1, 2], "cancelled")


def test_without_the_look_at_the_state_a_cancelled_job_goes_on_to_its_end(settings, monkeypatch):
    def note(running, **changed):
        Job.objects.filter(uid=running.uid).update(**changed)

    monkeypatch.setattr(jobs.Running, "note", note)

    assert cancelled_in_the_middle(settings) == ([1, 2, 3], "done")
