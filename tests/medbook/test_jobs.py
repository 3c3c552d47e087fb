import uuid
from collections import namedtuple
from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from medbook import clock
from medbook.audit.models import OperationLog
from medbook.jobs import services as jobs
from medbook.jobs.errors import JobIsOver, JobRunsToTheEnd
from medbook.jobs.kinds import Result
from medbook.jobs.models import Job
from tests.medbook import jobs_kinds
from tests.members.people import staff
from tests.racing import counted, together

HERE = "tests.medbook.jobs_kinds"
Person = namedtuple("Person", "uid")
SEND_TASK = "medbook.jobs.services.current_app.send_task"


@pytest.fixture(autouse=True)
def _kinds(settings):
    jobs_kinds.seen.clear()
    settings.JOB_KINDS = {
        "write": f"{HERE}.WRITE",
        "fail": f"{HERE}.FAIL",
        "tell": f"{HERE}.TELL",
        "lose": f"{HERE}.LOSE",
        "stop": f"{HERE}.STOP",
    }


def start(kind="write", **ids):
    return jobs.start_job(kind=kind, by_uid=uuid.uuid4(), ids=ids, now=clock.now())


def asked_by_themselves(job):
    """Give what cancels a job for who asked for it."""
    return {"job_uid": job.uid, "by": Person(job.asked_by_uid), "now": clock.now()}


def run(after=timedelta(0)):
    return jobs.run_due_jobs(now=clock.now() + after)


@pytest.mark.django_db(transaction=True)
def test_a_job_is_done_once_and_keeps_its_file():
    job = start()

    assert [run(), run()] == [1, 0]
    job.refresh_from_db()
    assert (job.state, job.attempts, job.result_name) == ("done", 1, "words.bin")
    assert job.result.reveal() == b"\x00\xffAlice"


@pytest.mark.django_db(transaction=True)
def test_the_file_is_sealed_in_the_database():
    job = start()

    run()

    with connection.cursor() as cursor:
        cursor.execute("SELECT result FROM jobs_job WHERE uid = %s", [job.uid])
        assert b"Alice" not in bytes(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_others_see_how_far_it_is_while_it_runs():
    start()

    run()

    assert jobs_kinds.seen == [("writing", 1, 3), ("writing", 2, 3), ("writing", 3, 3)]


@pytest.mark.django_db(transaction=True)
def test_a_job_knows_who_asked_and_for_what():
    job = start("tell", member="42")

    run()

    assert jobs_kinds.seen == [(job.asked_by_uid, {"member": "42"})]
    job.refresh_from_db()
    assert (job.state, job.has_result) == ("done", False)


@pytest.mark.django_db(transaction=True)
def test_what_fails_says_so_and_not_why(caplog):
    job = start("fail")

    assert run() == 0

    job.refresh_from_db()
    assert (job.state, job.finished_at is not None) == ("failed", True)
    row = Job.objects.filter(uid=job.uid).values().get()
    assert "Canary" not in f"{row} {caplog.text}"
    assert "ValueError" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_job_whose_worker_died_is_done_by_the_next():
    job = start()
    jobs.take_next_job(now=clock.now())  # and the worker is gone

    assert run(timedelta(seconds=30)) == 0
    assert run(timedelta(seconds=61)) == 1
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("done", 2)


@pytest.mark.django_db(transaction=True)
def test_a_worker_taken_for_dead_stops_and_spoils_nothing():
    job = start("lose")

    assert run() == 0

    assert jobs_kinds.seen == []
    job.refresh_from_db()
    assert job.state == "running"


@pytest.mark.django_db(transaction=True)
def test_what_kills_its_workers_is_given_up():
    job = start()
    for minute in range(jobs.MOST_ATTEMPTS):
        assert jobs.take_next_job(now=clock.now() + timedelta(minutes=2 * minute))

    assert run(timedelta(minutes=20)) == 0
    job.refresh_from_db()
    assert job.state == "failed"


@pytest.mark.django_db(transaction=True)
def test_eight_workers_share_one_job():
    start()

    outcomes = together(*[partial(jobs.take_next_job, now=clock.now())] * 8)

    assert sum(outcome is not None for outcome in outcomes) == 1


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_act_starts_no_job(monkeypatch):
    poked = []
    monkeypatch.setattr(SEND_TASK, lambda name, **options: poked.append(name))

    with transaction.atomic():
        start()
        transaction.set_rollback(True)
    assert (Job.objects.count(), poked) == (0, [])

    start()
    assert (Job.objects.count(), poked) == (1, ["medbook.jobs.tasks.run_jobs"])


@pytest.mark.django_db(transaction=True)
def test_a_job_is_asked_for_although_the_queue_is_away(monkeypatch):
    def away(name, **options):
        raise OSError

    monkeypatch.setattr(SEND_TASK, away)

    start()

    assert run() == 1


@pytest.mark.django_db
def test_an_unknown_kind_is_refused_at_once():
    with pytest.raises(KeyError):
        start("nothing")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("days", "left"), [(6.9, 1), (7.1, 0)])
def test_cancelled_jobs_are_forgotten_after_seven_days(days, left):
    jobs.cancel_job(**asked_by_themselves(start("stop")))

    jobs.forget_old_jobs(now=clock.now() + timedelta(days=days))

    assert Job.objects.count() == left


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("days", "left"), [(6.9, 1), (7.1, 0)])
def test_files_are_kept_for_seven_days(days, left):
    start()
    run()

    jobs.forget_old_jobs(now=clock.now() + timedelta(days=days))

    assert Job.objects.count() == left


@pytest.mark.django_db
def test_unfinished_work_is_not_forgotten():
    start()

    assert jobs.forget_old_jobs(now=clock.now() + timedelta(days=99)) == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong", [{"state": "lost"}, {"done": 2, "total": 1}, {"result": b"kept for ever"}]
)
def test_the_database_refuses_impossible_jobs(wrong):
    row = {"kind": "write", "asked_by_uid": uuid.uuid4(), "created_at": clock.now()}

    with pytest.raises(IntegrityError):
        Job.objects.create(**row, **wrong)


@pytest.mark.django_db
def test_staff_sees_how_far_jobs_are_and_never_what_they_made(client):
    start()
    taken = jobs.take_next_job(now=clock.now())
    taken.reached("writing", 1, 3)
    client.force_login(staff("auditor"), "django.contrib.auth.backends.ModelBackend")

    page = client.get("/admin/jobs/")

    assert 'max="3" value="1"' in page.text
    assert "Writing" in page.text


@pytest.mark.django_db
def test_a_job_of_a_kind_that_is_gone_is_still_shown(client, settings):
    start()
    settings.JOB_KINDS = {}
    client.force_login(staff("auditor"), "django.contrib.auth.backends.ModelBackend")

    assert client.get("/admin/jobs/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_waiting_job_that_is_cancelled_is_never_begun():
    job = start("stop")

    jobs.cancel_job(**asked_by_themselves(job))

    assert run() == 0
    job.refresh_from_db()
    assert (job.state, job.attempts, job.finished_at is not None) == ("cancelled", 0, True)
    act = OperationLog.objects.get(action="job.cancelled")
    assert (act.subject_uid, act.actor_uid) == (job.uid, job.asked_by_uid)


@pytest.mark.django_db(transaction=True)
def test_a_job_cancelled_in_the_middle_stops_there_and_stays_cancelled():
    job = start("stop")
    jobs_kinds.cancel.append(partial(jobs.cancel_job, **asked_by_themselves(job)))

    assert run() == 0

    assert jobs_kinds.seen == [1, 2]
    job.refresh_from_db()
    assert (job.state, job.done, job.total, job.has_result) == ("cancelled", 2, 3, False)
    assert run(timedelta(hours=1)) == 0


@pytest.mark.django_db(transaction=True)
def test_cancelling_and_finishing_at_once_have_one_winner():
    for _turn in range(5):
        job = start("stop")
        taken = jobs.take_next_job(now=clock.now())
        finish = partial(jobs._finish, taken, Result(b"all", "words.bin", "text/plain"))

        ends = counted(together(finish, partial(jobs.cancel_job, **asked_by_themselves(job))))

        job.refresh_from_db()
        loser = {"done": "job_is_over", "cancelled": "Stopped"}[job.state]
        assert ends == {"done": 1, loser: 1}
        assert job.has_result == (job.state == "done")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["stop", "write"])
def test_what_is_over_is_not_cancelled(kind):
    job = start(kind)
    jobs_kinds.cancel.append(lambda: None)
    run()

    with pytest.raises(JobIsOver):
        jobs.cancel_job(**asked_by_themselves(job))

    job.refresh_from_db()
    assert job.state == "done"
    assert not OperationLog.objects.filter(action="job.cancelled").exists()


@pytest.mark.django_db
def test_work_that_must_not_stop_halfway_is_not_cancelled():
    job = start("write")

    with pytest.raises(JobRunsToTheEnd):
        jobs.cancel_job(**asked_by_themselves(job))

    job.refresh_from_db()
    assert job.state == "waiting"


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "status"), [("administrator", 302), ("auditor", 404)])
def test_administrators_cancel_the_jobs_of_others_and_auditors_do_not(client, role, status):
    job = start("stop")
    client.force_login(staff(role), "django.contrib.auth.backends.ModelBackend")
    page = f"/admin/jobs/{job.uid}/"
    is_offered = "Cancel the job" in client.get(page).text

    answer = client.post(f"{page}cancel/")

    assert (answer.status_code, is_offered) == (status, status == 302)
    job.refresh_from_db()
    assert job.state == ("cancelled" if status == 302 else "waiting")
    assert ("The words stay." in client.get(page).text) == (status == 302)


@pytest.mark.django_db
def test_the_page_of_a_job_that_is_over_says_that_it_is(client):
    job = start("stop")
    client.force_login(staff("administrator"), "django.contrib.auth.backends.ModelBackend")
    page = f"/admin/jobs/{job.uid}/cancel/"
    client.post(page)

    again = client.post(page, follow=True)

    assert "This job is over already." in again.text
    assert client.get(page).status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds", "is_said"), [(29, False), (31, True)])
def test_a_silence_of_half_a_minute_is_said(client, seconds, is_said):
    job = start()
    jobs.take_next_job(now=clock.now())
    Job.objects.update(heartbeat_at=clock.now() - timedelta(seconds=seconds))
    client.force_login(staff("auditor"), "django.contrib.auth.backends.ModelBackend")

    page = client.get(f"/admin/jobs/{job.uid}/")

    assert ("Nothing was heard of it for half a minute." in page.text) == is_said


@pytest.mark.parametrize(
    ("done", "elapsed", "said"),
    [
        (4, 10, ""),
        (5, 10, "about 3 minutes left"),
        (50, 1, "about 1 second left"),
        (50, 90, "about 90 seconds left"),
    ],
)
def test_the_time_left_is_said_once_a_twentieth_is_done(done, elapsed, said):
    began = clock.now()
    heard = began + timedelta(seconds=elapsed)
    job = Job(state="running", done=done, total=100, started_at=began, heartbeat_at=heard)

    assert job.time_left == said
