"""What becomes of a tapped time?"""

import uuid
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from appointments.choices import AppointmentState
from appointments.models import Appointment
from medbook import clock
from members.choices import Relation
from members.models import Suspension
from scheduling.choices import ScheduleState
from tests.appointments.booking import book, fill, hold
from tests.factories import (
    DoctorFactory,
    FamilyLinkFactory,
    MemberFactory,
    PatientFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    member = member_with_patient()
    client.force_login(member.user)
    return member


def tap(client, schedule, number=1, key=None, language="en"):
    starts_at = schedule.slots.get(number=number).starts_at
    return client.post(
        f"/{language}/book/",
        {
            "schedule_uid": schedule.uid,
            "starts_at": starts_at.isoformat(),
            "idempotency_key": key or uuid.uuid4(),
        },
    )


def test_holds_the_tapped_time_and_leads_to_the_check(client, alice):
    schedule = schedule_with_slots(3)

    answer = tap(client, schedule, 2)

    held = Appointment.objects.get()
    assert held.slot.number == 2
    assert held.state == AppointmentState.HELD
    assert held.member == alice
    assert answer.status_code == 302
    assert answer["Location"] == f"/en/appointments/{held.reference}/confirm/"


def test_the_same_tap_twice_makes_one_hold(client, alice):
    schedule, key = schedule_with_slots(3), uuid.uuid4()

    first, second = tap(client, schedule, 2, key), tap(client, schedule, 2, key)

    assert first["Location"] == second["Location"]
    assert Appointment.objects.count() == 1


def test_another_time_of_the_same_page_replaces_the_hold(client, alice):
    schedule, key = schedule_with_slots(3), uuid.uuid4()

    tap(client, schedule, 1, key)
    tap(client, schedule, 2, key)

    assert Appointment.objects.live().get().slot.number == 2


def test_books_for_whom_the_member_booked_last(client, alice):
    mei = FamilyLinkFactory(
        member=alice, relation=Relation.CHILD, patient=PatientFactory(name="Mei Chen")
    ).patient
    visit = book(alice, schedule_with_slots(1), patient=mei)

    tap(client, schedule_with_slots(1, service_date=visit.service_date + timedelta(1)))

    assert Appointment.objects.held().get().patient == mei


def test_a_stranger_signs_in_and_comes_back_to_the_time(client):
    schedule = schedule_with_slots(3)
    wanted = schedule.slots.get(number=2).starts_at

    answer = tap(client, schedule, 2, language="zh-hans")

    address = urlsplit(answer["Location"])
    assert address.path == "/zh-hans/sign-in/"
    [back] = parse_qs(address.query)["next"]
    assert urlsplit(back).path == f"/zh-hans/doctors/{schedule.doctor.slug}/"
    client.force_login(member_with_patient().user)
    page = client.get(back)
    assert page.context["chosen"].starts_at == wanted
    assert not Appointment.objects.exists()


def test_a_time_just_taken_says_so_and_offers_the_nearest_three(client, alice):
    schedule = schedule_with_slots(6)
    fill(schedule, 3)

    answer = tap(client, schedule, 3)

    assert answer.status_code == 409
    assert "This time was taken a moment ago. Nothing was charged." in answer.text
    offered = [chip.starts_at for chip in answer.context["helps"].times]
    nearest = schedule.slots.filter(number__in=[2, 4, 1]).values_list("starts_at", flat=True)
    assert sorted(offered) == sorted(nearest)


def test_a_full_session_offers_colleagues_of_the_department(client, alice):
    schedule = schedule_with_slots(1)
    colleague = DoctorFactory(department=schedule.department, name_en="Li Na")
    other = schedule_with_slots(2, doctor=colleague, service_date=schedule.service_date)
    schedule_with_slots(2)
    fill(schedule)

    answer = tap(client, schedule)

    assert answer.status_code == 409
    assert {chip.schedule for chip in answer.context["helps"].times} == {other}
    assert "Li Na" in answer.text


def test_alternatives_do_not_overlap_visits_of_ones_own(client, alice):
    visit = book(alice, schedule_with_slots(3))
    schedule = schedule_with_slots(4, service_date=visit.service_date)

    answer = tap(client, schedule, 1)

    assert answer.status_code == 409
    assert "already has an appointment at this time" in answer.text
    offered = [chip.starts_at for chip in answer.context["helps"].times]
    assert visit.starts_at not in offered
    assert len(offered) == 3


def test_a_second_visit_that_day_is_offered_on_other_days(client, alice):
    doctor = DoctorFactory()
    visit = book(alice, schedule_with_slots(3, doctor=doctor))
    later = schedule_with_slots(3, doctor=doctor, service_date=visit.service_date + timedelta(1))

    answer = tap(client, visit.slot.schedule, 3)

    assert answer.status_code == 409
    assert {chip.schedule for chip in answer.context["helps"].times} == {later}


def test_says_when_booking_opens_by_the_clinics_clock(client, alice):
    release_at = clock.now() + timedelta(hours=1)
    schedule = schedule_with_slots(1, release_at=release_at)

    answer = tap(client, schedule)

    assert answer.status_code == 409
    assert clock.text(release_at, "Asia/Shanghai") in answer.text


def test_a_suspended_member_is_turned_away_with_the_date_and_no_times(client, alice):
    now = clock.now()
    Suspension.objects.create(
        member=alice, starts_at=now, ends_at=now + timedelta(days=3), reason="x"
    )

    answer = tap(client, schedule_with_slots(2))

    assert answer.status_code == 403
    assert "Online booking is paused for you until" in answer.text
    assert 'href="/en/patients/">See why' in answer.text
    assert not answer.context["helps"]


def test_a_member_without_a_patient_is_told_what_is_missing(client):
    client.force_login(MemberFactory().user)

    answer = tap(client, schedule_with_slots(1))

    assert answer.status_code == 409
    assert "identity document is missing" in answer.text


def test_staff_do_not_book_for_themselves(client):
    client.force_login(UserFactory(is_staff=True))

    assert tap(client, schedule_with_slots(1)).status_code == 403


def test_drafts_and_unknown_schedules_are_not_found(client, alice):
    draft = schedule_with_slots(1, state=ScheduleState.DRAFT)

    assert tap(client, draft).status_code == 404
    data = {"schedule_uid": uuid.uuid4(), "idempotency_key": uuid.uuid4()}
    assert client.post("/en/book/", data).status_code == 404


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"schedule_uid": "x", "idempotency_key": "y"},
        {"schedule_uid": "\x00", "idempotency_key": str(uuid.uuid4())},
    ],
)
def test_an_incomplete_tap_is_answered_422(client, alice, data):
    answer = client.post("/en/book/", data)

    assert answer.status_code == 422
    assert "Please choose the time again" in answer.text


@pytest.mark.parametrize(
    "starts_at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01 09:00"]
)
def test_times_that_cannot_be_are_refused(client, alice, starts_at):
    schedule = schedule_with_slots(1)
    data = {
        "schedule_uid": schedule.uid,
        "starts_at": starts_at,
        "idempotency_key": uuid.uuid4(),
    }

    assert client.post("/en/book/", data).status_code in (409, 422)


def test_only_a_form_can_book(client, alice):
    assert client.get("/en/book/").status_code == 405


def test_refusals_are_said_in_chinese_too(client, alice):
    schedule = schedule_with_slots(1)
    fill(schedule)

    answer = tap(client, schedule, language="zh-hans")

    assert answer.status_code == 409
    assert 'lang="zh-hans"' in answer.text


def test_asks_few_questions_when_refused(client, alice, django_assert_max_num_queries):
    schedule = schedule_with_slots(2)
    fill(schedule, 1)
    hold(alice, schedule)

    with django_assert_max_num_queries(45):
        tap(client, schedule, 1)
