"""Staff by API: call a session off, check a patient in, start and finish a consultation."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission

from appointments.models import Appointment
from medbook import clock
from scheduling.choices import ScheduleState
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.appointments.booking import book
from tests.factories import UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db


def staff(*codenames):
    """Make a member of staff that holds these permissions of appointments."""
    user = UserFactory(username=f"staff-{uuid4().hex[:8]}", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="appointments", codename__in=codenames)
    )
    return user


def doctor_of(visit):
    """Let the visit's doctor sign in."""
    visit.doctor.user = staff("conduct_visit")
    visit.doctor.save()
    return visit.doctor.user


def act(user, appointment, verb, **body):
    return caller(user).post(f"{ROOT}admin/appointments/{appointment.uid}/{verb}/", body)


@pytest.fixture
def visit():
    """Book a visit that is today by the clinic's calendar."""
    start = clock.now() + timedelta(minutes=5)
    schedule = schedule_with_slots(
        2,
        service_date=clock.local_date(clock.now(), "Asia/Shanghai"),
        starts_at=start,
        ends_at=start + timedelta(hours=3),
        same_day_from=start - timedelta(hours=9),
    )
    return book(member_with_patient(), schedule)


def test_a_visit_is_checked_in_started_and_finished(visit):
    desk, doctor = staff("check_in"), doctor_of(visit)

    answers = [act(desk, visit, "check-in"), act(doctor, visit, "start")]
    answers.append(act(doctor, visit, "finish"))

    assert [answer.status_code for answer in answers] == [200] * 3
    states = [answer.json()["state"] for answer in answers]
    assert states == ["arrived", "in_consultation", "completed"]
    last = answers[-1].json()
    assert last["id"] == str(visit.uid)
    assert last["arrived_at"] <= last["started_at"] <= last["completed_at"]


def test_the_desk_reads_nothing_about_health_or_money(visit):
    said = act(staff("check_in"), visit, "check-in").json()

    assert not {"reason", "invoice", "price", "fee"} & said.keys()


def test_a_move_that_the_state_forbids_is_refused(visit):
    doctor = doctor_of(visit)

    assert refusal(act(doctor, visit, "start")) == (409, "wrong_state")
    assert refusal(act(doctor, visit, "finish")) == (409, "wrong_state")


@pytest.mark.parametrize("verb", ["start", "finish"])
def test_another_doctor_does_not_conduct_the_visit(visit, verb):
    assert refusal(act(staff("conduct_visit"), visit, verb)) == (403, "permission_denied")


def test_nobody_is_checked_in_on_another_day():
    visit = book(member_with_patient(), schedule_with_slots(1))

    answer = act(staff("check_in"), visit, "check-in")

    assert refusal(answer) == (409, "outside_check_in_window")


@pytest.mark.parametrize(
    ("verb", "other"),
    [("check-in", "conduct_visit"), ("start", "check_in"), ("finish", "check_in")],
)
def test_each_act_needs_its_own_permission(visit, verb, other):
    assert refusal(act(staff(other), visit, verb)) == (403, "permission_denied")
    assert refusal(act(visit.member, visit, verb)) == (403, "permission_denied")
    assert refusal(act(None, visit, verb)) == (401, "authentication_required")
    assert Appointment.objects.get().state == "booked"


@pytest.mark.parametrize("verb", ["check-in", "start", "finish"])
def test_an_unknown_visit_is_not_found(verb):
    unknown = Appointment(uid=uuid4())

    assert refusal(act(staff("check_in", "conduct_visit"), unknown, verb)) == (404, "not_found")


def test_a_permission_that_was_taken_away_is_gone_at_once(visit):
    desk = staff("check_in")
    client = caller(desk)
    desk.user_permissions.clear()

    answer = client.post(f"{ROOT}admin/appointments/{visit.uid}/check-in/", {})

    assert refusal(answer) == (403, "permission_denied")


def test_a_session_is_called_off_with_its_appointments():
    schedule = schedule_with_slots(3)
    for _ in range(2):
        book(member_with_patient(), schedule)
    client = caller(staff("call_off"))
    address = f"{ROOT}admin/schedules/{schedule.uid}/call-off/"

    first = client.post(address, {"reason": "The doctor is ill"})
    again = client.post(address, {"reason": "The doctor is ill"})

    assert first.json() == {"schedule": str(schedule.uid), "appointments": 2}
    assert again.json() == {"schedule": str(schedule.uid), "appointments": 0}
    schedule.refresh_from_db()
    assert schedule.state == ScheduleState.CALLED_OFF
    assert set(Appointment.objects.values_list("state", flat=True)) == {"called_off"}


def test_calling_off_needs_a_reason_a_session_and_the_permission():
    schedule = schedule_with_slots(1)
    address = f"{ROOT}admin/schedules/{schedule.uid}/call-off/"
    allowed = caller(staff("call_off"))

    assert wrong_fields(allowed.post(address, {})) == {"reason": "required"}
    assert wrong_fields(allowed.post(address, {"reason": " "})) == {"reason": "blank"}
    nothing = f"{ROOT}admin/schedules/{uuid4()}/call-off/"
    assert refusal(allowed.post(nothing, {"reason": "ill"})) == (404, "not_found")
    for user, said in [
        (staff("check_in"), (403, "permission_denied")),
        (member_with_patient(), (403, "permission_denied")),
        (None, (401, "authentication_required")),
    ]:
        assert refusal(caller(user).post(address, {"reason": "ill"})) == said
    schedule.refresh_from_db()
    assert schedule.state == ScheduleState.PUBLISHED
