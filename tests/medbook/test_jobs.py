import uuid
from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from medbook import clock
from medbook.jobs import services as jobs
from medbook.jobs.models import Job
from tests.medbook import jobs_kinds
from tests.members.people import staff
from tests.racing import together

HERE = "tests.medbook.jobs_kinds"
SEND_TASK = "medbook.jobs.services.current_app.send_task"


@pytest.fixture(autouse=True)
def _kinds(settings):
    jobs_kinds.seen.clear()
    settings.JOB_KINDS = {
        "write": f"{HERE}.WRITE",
        "fail": f"{HERE}.FAIL",
        "tell": f"{HERE}.TELL",
        "lose": f"{HERE}.LOSE",
    }


def start(kind="write", **ids):
    return jobs.start_job(kind=kind, by_uid=uuid.uuid4(), ids=ids, now=clock.now())


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
