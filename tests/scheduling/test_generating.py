"""How do staff make the sessions of weeks ahead: page, job, API and command?"""

from datetime import date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from medbook import clock
from medbook.jobs import services as jobs
from medbook.jobs.models import Job
from scheduling.models import Schedule
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.factories import (
    DepartmentFactory,
    LeaveFactory,
    RosterTemplateFactory,
    UserFactory,
)
from tests.scheduling.staff import staff

pytestmark = pytest.mark.django_db

PAGE = "/admin/roster/generate/"
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def scheduler(client):
    person = staff("run_release")
    client.force_login(person, BACKEND)
    return person


def monday_ahead(weeks=4):
    today = clock.local_date(clock.now(), "Asia/Shanghai")
    return today - timedelta(days=today.weekday()) + timedelta(weeks=weeks)


def a_pattern(**fields):
    department = DepartmentFactory(clinic__country="", code="heart")
    return RosterTemplateFactory(doctor__department=department, weekday=1, **fields)


def asked(monday, **more):
    return {"week": f"{monday:%G-W%V}", "weeks": "2", **more}


def test_a_scheduler_sees_what_would_be_made_makes_it_and_reads_the_result(client, scheduler):
    template = a_pattern()
    monday = monday_ahead()
    second = monday + timedelta(days=8)
    LeaveFactory(
        doctor=template.doctor,
        starts_at=datetime.fromisoformat(f"{second}T08:00+08:00"),
        ends_at=datetime.fromisoformat(f"{second}T12:00+08:00"),
    )

    page = client.get(PAGE, asked(monday))

    total = page.context["preview"].total
    assert (total.added, total.places, total.unchanged, total.conflicts) == (1, 12, 0, 1)
    assert "the doctor is away then." in page.text
    assert not Schedule.objects.exists()

    started = client.post(PAGE, asked(monday))
    job = Job.objects.get()
    assert started["Location"] == reverse("admin:job", args=[job.uid])
    assert "Refresh progress" in client.get(started["Location"]).text
    assert jobs.run_due_jobs(now=clock.now()) == 1
    done = client.get(started["Location"])

    assert list(Schedule.objects.values_list("service_date", flat=True)) == [
        monday + timedelta(days=1)
    ]
    assert "the doctor is away then." in done.text
    assert f"generation-{monday}-{monday + timedelta(days=13)}.csv" in done.text
    file = client.get(reverse("admin:job_file", args=[job.uid]))
    assert file["Content-Type"].startswith("text/csv")
    again = client.get(PAGE, asked(monday))
    assert "Nothing to add." in again.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"week": "2026-W60"},
        {"week": "2020-W01"},
        {"weeks": "0"},
        {"weeks": "9"},
        {"weeks": "x"},
        {"clinic": "999999"},
        {"department": "999999"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_weeks_that_cannot_be_made_are_refused_and_nothing_starts(client, scheduler, method, wrong):
    a_pattern()

    answer = getattr(client, method)(PAGE, {**asked(monday_ahead()), **wrong})

    assert answer.status_code == 422
    assert not Job.objects.exists()


def test_a_job_is_shown_to_who_asked_for_it_only(client, scheduler):
    a_pattern()
    page = client.post(PAGE, asked(monday_ahead()))["Location"]
    client.force_login(UserFactory(is_staff=True), BACKEND)

    assert client.get(page).status_code == 404
    assert client.get(f"{page}file/").status_code == 404


def test_a_program_starts_a_generation_once_and_asks_how_far_it_is():
    a_pattern()
    api = caller(staff("run_release"))
    monday = monday_ahead()
    body = {"first_day": f"{monday}", "last_day": f"{monday + timedelta(days=6)}"}

    first = api.post(f"{ROOT}admin/roster/generate/", body, headers={"Idempotency-Key": "one"})
    again = api.post(f"{ROOT}admin/roster/generate/", body, headers={"Idempotency-Key": "one"})

    assert first.status_code == again.status_code == 202
    assert first.json()["id"] == again.json()["id"]
    assert again["Idempotent-Replay"] == "true"
    jobs.run_due_jobs(now=clock.now())
    told = api.get(f"{ROOT}admin/jobs/{first.json()['id']}/").json()
    assert (told["state"], told["done"], told["total"]) == ("done", 7, 7)
    assert Schedule.objects.count() == 1
    others = caller(staff("view_schedule"))
    assert refusal(others.get(f"{ROOT}admin/jobs/{told['id']}/")) == (404, "not_found")


def test_a_generation_cancelled_halfway_keeps_what_is_made_and_is_asked_for_anew(
    client, scheduler, monkeypatch
):
    template = a_pattern()
    monday = monday_ahead()
    LeaveFactory(
        doctor=template.doctor,
        starts_at=datetime.fromisoformat(f"{monday + timedelta(days=8)}T08:00+08:00"),
        ends_at=datetime.fromisoformat(f"{monday + timedelta(days=8)}T12:00+08:00"),
    )
    page = client.post(PAGE, asked(monday, weeks="3"))["Location"]
    reached = jobs.Running.reached

    def cancelled_after_ten(work, phase, done=0, total=0):
        reached(work, phase, done, total)
        if done == 10:
            assert "10 of 21" in client.get(page).text
            assert client.post(f"{page}cancel/")["Location"] == page

    monkeypatch.setattr(jobs.Running, "reached", cancelled_after_ten)

    assert jobs.run_due_jobs(now=clock.now()) == 0

    told = client.get(page)
    assert [each.service_date for each in Schedule.objects.all()] == [monday + timedelta(days=1)]
    assert "when 10 of 21 were done. The sessions made by then stay" in told.text
    assert list(told.context["so_far"].counts.values())[1:] == [1, 0]
    assert f"{monday + timedelta(days=8)}</b>" in told.text
    assert "the doctor is away then." in told.text
    again = client.get(told.context["job"].again)
    assert (again.status_code, again.context["form"].cleaned_data["weeks"]) == (200, 3)
    assert again.context["preview"].total.unchanged == 1


def test_a_program_cancels_a_generation_that_it_asked_for():
    a_pattern()
    api = caller(staff("run_release"))
    monday = monday_ahead()
    body = {"first_day": f"{monday}", "last_day": f"{monday + timedelta(days=6)}"}
    job = api.post(f"{ROOT}admin/roster/generate/", body).json()
    cancel = f"{ROOT}admin/jobs/{job['id']}/cancel/"
    others = caller(staff("run_release"))

    assert refusal(others.post(cancel)) == (404, "not_found")
    told = api.post(cancel)
    assert (told.status_code, told.json()["state"]) == (200, "cancelled")
    assert refusal(api.post(cancel)) == (409, "job_is_over")
    assert jobs.run_due_jobs(now=clock.now()) == 0


@pytest.mark.parametrize(
    ("first", "last"), [(-3, 4), (0, 92), (5, 4), (400, 401)], ids=["past", "long", "back", "far"]
)
def test_impossible_dates_are_refused_with_a_code(first, last):
    today = clock.now().date()
    body = {
        "first_day": f"{today + timedelta(days=first)}",
        "last_day": f"{today + timedelta(days=last)}",
    }

    answer = caller(staff("run_release")).post(f"{ROOT}admin/roster/generate/", body)

    assert refusal(answer) == (409, "period_impossible")
    assert not Job.objects.exists()


def test_a_department_that_is_not_there_is_named():
    today = clock.now().date() + timedelta(days=1)
    nowhere = "00000000-0000-0000-0000-000000000000"
    body = {"first_day": f"{today}", "last_day": f"{today}", "department": nowhere}

    answer = caller(staff("run_release")).post(f"{ROOT}admin/roster/generate/", body)

    assert wrong_fields(answer) == {"department": "not_found"}


def test_the_command_makes_dates_under_a_bar():
    a_pattern()
    monday = monday_ahead()
    said = StringIO()
    wanted = {"first": monday, "last": monday + timedelta(days=6), "stdout": said}

    call_command("generate_schedules", department=["heart"], **wanted)

    assert Schedule.objects.count() == 1
    assert "[##############################] 7 of 7 dates" in said.getvalue()
    assert "7 dates: 1 schedules and 12 places made, 0 clashes" in said.getvalue()


@pytest.mark.parametrize(
    "wrong", [{"department": ["nothing"]}, {"first": date(2020, 1, 1)}], ids=str
)
def test_the_command_refuses_what_is_not_there(wrong):
    a_pattern()
    monday = monday_ahead()

    with pytest.raises(CommandError):
        call_command("generate_schedules", **{"first": monday, "last": monday, **wrong})
