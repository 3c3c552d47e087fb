"""Does the API call off a leave, once, and say how far it is?"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission

from medbook import clock
from medbook.jobs.services import run_due_jobs
from scheduling.models import Leave
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.appointments.booking import book
from tests.appointments.leaves import drafted
from tests.factories import UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db
LEAVES = f"{ROOT}admin/leave/"


@pytest.fixture
def scheduler():
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["call_off", "view_leave"]))
    return caller(user)


def body(session, **changed):
    return {
        "doctor": str(session.doctor.uid),
        "starts_at": session.starts_at.isoformat(),
        "ends_at": session.ends_at.isoformat(),
        "reason": "illness",
        "because": "Called at seven",
        **changed,
    }


def test_confirms_at_once_and_shows_the_job_and_what_it_did(scheduler):
    session = schedule_with_slots(1)
    book(member_with_patient(), session)

    answer = scheduler.post(LEAVES, body(session), format="json")

    assert answer.status_code == 201
    assert (answer.json()["state"], answer.json()["job"]["state"]) == ("confirmed", "waiting")
    run_due_jobs(now=clock.now())
    shown = scheduler.get(f"{LEAVES}{answer.json()['id']}/").json()
    assert (shown["state"], shown["outcome"]["visits"], shown["outcome"]["told"]) == ("done", 1, 1)
    assert [row["id"] for row in scheduler.get(LEAVES).json()["results"]] == [shown["id"]]


def test_the_same_key_makes_one_leave(scheduler):
    session, key = schedule_with_slots(1), {"Idempotency-Key": "once"}

    answers = [
        scheduler.post(LEAVES, body(session), format="json", headers=key) for _time in range(2)
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1]["Idempotent-Replay"] == "true"
    assert Leave.objects.count() == 1


def test_refuses_an_overlap_what_is_past_and_what_cannot_be(scheduler):
    session = schedule_with_slots(1)
    past = clock.now() - timedelta(days=3)
    scheduler.post(LEAVES, body(session), format="json")

    again = scheduler.post(LEAVES, body(session), format="json")
    assert refusal(again) == (409, "leave_overlaps")
    gone = body(session, starts_at=past.isoformat(), ends_at=(past + timedelta(1)).isoformat())
    assert refusal(scheduler.post(LEAVES, gone, format="json")) == (409, "leave_impossible")
    backwards = body(session, ends_at=session.starts_at.isoformat())
    assert wrong_fields(scheduler.post(LEAVES, backwards, format="json")) == {
        "ends_at": "contradiction"
    }
    unknown = body(session, doctor="7f3c0f6e-0000-4000-8000-000000000000")
    assert "doctor" in wrong_fields(scheduler.post(LEAVES, unknown, format="json"))
    assert Leave.objects.count() == 1


def test_a_draft_is_shown_without_job_and_outcome(scheduler):
    leave = drafted(schedule_with_slots(1))

    shown = scheduler.get(f"{LEAVES}{leave.uid}/").json()

    assert (shown["state"], shown["job"], shown["outcome"]) == ("draft", None, None)
