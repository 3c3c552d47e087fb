"""Does the scheduler get through the four pages, and the desk through the one?"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission

from medbook import clock
from medbook.jobs.services import run_due_jobs
from members.models import Notification
from scheduling.choices import LeaveState
from scheduling.models import Leave
from tests.appointments.booking import book
from tests.appointments.leaves import colleague_session, confirm, confirmed, drafted
from tests.factories import UserFactory, member_with_patient, schedule_with_slots
from tests.scheduling.staff import client_of

pytestmark = pytest.mark.django_db
LIST = "/admin/leave/"


def staff_with(*codenames):
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return client_of(user)


@pytest.fixture
def scheduler():
    return staff_with("call_off", "view_leave", "call_off_today")


def said(session, **changed):
    day = session.service_date.isoformat()
    return {
        "doctor": session.doctor.code,
        "first_day": day,
        "first_half": "morning",
        "last_day": day,
        "last_half": "day",
        "reason": "illness",
        "note": "Called at seven",
        **changed,
    }


def page(leave, step):
    return f"{LIST}{leave.uid}/{step}/"


def test_from_the_first_page_to_the_result(scheduler):
    session = schedule_with_slots(2)
    visit = book(member_with_patient(), session)
    colleague_session(session, 3)

    answer = scheduler.post(f"{LIST}new/", said(session))
    leave = Leave.objects.get()
    assert answer.url == page(leave, "impact")
    assert leave.ends_at - leave.starts_at == timedelta(days=1)
    impact = scheduler.get(answer.url)
    assert visit.reference in impact.content.decode()
    assert [len(hit.places) for hit in impact.context["impact"].hits] == [3]
    words = scheduler.get(page(leave, "messages")).context["previews"]
    assert [preview[0] for preview in words] == [visit.member.user.language]
    assert visit.reference in words[0][3].text
    answer = scheduler.post(page(leave, "confirm"), {"version": 1, "reason": "Ill"})
    assert answer.url == f"{LIST}{leave.uid}/"
    run_due_jobs(now=clock.now())

    shown = scheduler.get(answer.url)
    assert shown.context["tally"].told == 1
    assert len(shown.context["outcomes"][0].offers) == 3
    assert Notification.objects.filter(kind="appointment_called_off").count() == 1


def test_a_draft_is_taken_up_again_as_it_was_written(scheduler):
    session = schedule_with_slots(1)
    scheduler.post(f"{LIST}new/", said(session, first_half="afternoon", end_time="17:30"))
    leave = Leave.objects.get()

    form = scheduler.get(page(leave, "who")).context["form"]

    assert (form["first_half"].value(), str(form["end_time"].value())) == ("afternoon", "17:30:00")
    answer = scheduler.post(page(leave, "who"), said(session, version=1))
    assert answer.url == page(leave, "impact")
    stale = scheduler.post(page(leave, "who"), said(session, version=1))
    assert stale.status_code == 422


@pytest.mark.parametrize(
    "changed",
    [
        {"last_day": "2020-01-01"},
        {"first_day": "2020-01-01", "last_day": "2020-01-02"},
        {"last_day": "2099-01-01"},
        {"last_day": "9999-12-31"},
        {"first_day": "0001-01-01", "last_day": "0001-01-01"},
        {"start_time": "11:00", "end_time": "11:00"},
        {"doctor": "nobody"},
        {"doctor": ""},
        {"first_day": "31.02.2026"},
        {"reason": "weather"},
    ],
)
def test_refuses_bad_input_and_writes_nothing(scheduler, changed):
    answer = scheduler.post(f"{LIST}new/", said(schedule_with_slots(1), **changed))

    assert answer.status_code == 422
    assert not Leave.objects.exists()


def test_the_same_confirmation_sent_twice_leads_to_the_result(scheduler):
    leave = drafted(schedule_with_slots(1))
    sent = {"version": 1, "reason": "Ill"}

    urls = {scheduler.post(page(leave, "confirm"), sent).url for _time in range(2)}

    assert urls == {f"{LIST}{leave.uid}/"}


def test_a_stale_or_silent_confirmation_changes_nothing(scheduler):
    leave = drafted(schedule_with_slots(1))

    for sent in ({"version": 7, "reason": "Ill"}, {"version": 1}, {"version": "x", "reason": "y"}):
        assert scheduler.post(page(leave, "confirm"), sent).status_code == 422

    leave.refresh_from_db()
    assert leave.state == LeaveState.DRAFT


def test_a_draft_is_withdrawn_and_a_confirmed_leave_is_not(scheduler):
    leave, standing = drafted(schedule_with_slots(1)), confirm(drafted(schedule_with_slots(1)))

    for each in (leave, standing):
        scheduler.post(page(each, "withdraw"), {"version": each.version})

    states = dict(Leave.objects.values_list("pk", "state"))
    assert states == {leave.pk: LeaveState.WITHDRAWN, standing.pk: LeaveState.CONFIRMED}


def test_the_desk_calls_today_off_at_once_and_sees_the_result():
    desk = staff_with("call_off_today", "view_leave")
    session = schedule_with_slots(1)

    answer = desk.post(
        f"{LIST}emergency/",
        {"doctor": session.doctor.code, "reason": "illness", "because": "Fell ill"},
    )

    leave = Leave.objects.get()
    assert (answer.url, leave.is_emergency) == (f"{LIST}{leave.uid}/", True)
    assert leave.state == LeaveState.CONFIRMED
    assert desk.get(answer.url).status_code == 200
    assert desk.get(f"{LIST}new/").status_code == 403


def test_the_result_costs_as_many_queries_for_many_visits_as_for_one(
    scheduler, django_assert_max_num_queries
):
    session = schedule_with_slots(9)
    for _ in range(9):
        book(member_with_patient(), session)
    colleague_session(session, 9)
    leave = confirmed(session)

    with django_assert_max_num_queries(22):
        scheduler.get(f"{LIST}{leave.uid}/")


def test_a_member_sees_what_is_kept_and_takes_it_by_one_tap(client):
    session, member = schedule_with_slots(1), member_with_patient()
    visit = book(member, session)
    colleague_session(session, 3)
    confirmed(session)
    client.force_login(member.user, "django.contrib.auth.backends.ModelBackend")

    pinned = client.get("/en/appointments/").context["to_choose_anew"]
    shown = client.get(f"/en/appointments/{visit.reference}/")

    assert [about.visit for about in pinned] == [visit]
    offers = shown.context["instead"].offers
    assert len(offers) == 3
    answer = client.post(f"/en/waitlist/offers/{offers[0].uid}/", {"answer": "accept"})
    held = offers[0].slot.appointments.get()
    assert answer.url == f"/en/appointments/{held.reference}/confirm/"
    assert client.get(f"/en/appointments/{visit.reference}/").context["instead"].taken
