from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from appointments.services.cancelling import cancel_appointment
from appointments.services.visits import check_in
from medbook import clock
from medbook.audit.models import OperationLog
from reports.rules import Tally
from reports.selectors import DepartmentDay, bookings_per_department_and_day
from scheduling.choices import ScheduleState
from scheduling.models import Schedule
from tests.appointments.booking import book, fill, hold
from tests.factories import (
    ClinicFactory,
    DepartmentFactory,
    DoctorFactory,
    ScheduleFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(client):
    """Fiona, who may read the reports, signed in."""
    fiona = UserFactory(username="fiona", is_staff=True)
    fiona.user_permissions.add(Permission.objects.get(codename="view_reports"))
    client.force_login(fiona)
    return client


@pytest.fixture
def cardiology():
    return DepartmentFactory(
        clinic=ClinicFactory(code="east"), code="cardiology", name_en="Cardiology"
    )


def rows_of(*departments, days=30):
    today = clock.now().date()
    return bookings_per_department_and_day(
        departments=departments,
        start=today - timedelta(days),
        end=today + timedelta(days),
        using="default",
    )


def test_counts_places_and_what_became_of_the_bookings(cardiology):
    schedule = schedule_with_slots(9, doctor=DoctorFactory(department=cardiology))
    alice, bo, chen = (member_with_patient() for _ in range(3))
    came = book(alice, schedule)
    stayed_away = book(bo, schedule)
    hold(chen, schedule)
    desk = UserFactory(is_staff=True)
    check_in(appointment_uid=came.uid, by=desk, now=schedule.starts_at)
    cancel_appointment(appointment_uid=stayed_away.uid, by=bo.user, now=clock.now())

    assert rows_of(cardiology) == [
        DepartmentDay(cardiology, schedule.service_date, Tally(9, 2, 1, 1, 0))
    ]


def test_drafts_and_sessions_called_off_offer_nothing(cardiology):
    chen = DoctorFactory(department=cardiology)
    for state in (ScheduleState.DRAFT, ScheduleState.CALLED_OFF):
        ScheduleFactory(doctor=chen, state=state)

    assert rows_of(cardiology) == []


def test_the_end_is_not_included(cardiology):
    schedule = schedule_with_slots(doctor=DoctorFactory(department=cardiology))
    day = schedule.service_date

    def found(start, end):
        return bookings_per_department_and_day(
            departments=[cardiology], start=start, end=end, using="default"
        )

    assert len(found(day, day + timedelta(1))) == 1
    assert found(day - timedelta(1), day) == []
    assert found(day + timedelta(1), day + timedelta(2)) == []


def test_takes_two_queries_whatever_the_number_of_days(cardiology, django_assert_num_queries):
    chen = DoctorFactory(department=cardiology)
    for days in range(5):
        ScheduleFactory(doctor=chen, service_date=date(2026, 3, 2) + timedelta(days))

    with django_assert_num_queries(2):
        found = bookings_per_department_and_day(
            departments=[cardiology],
            start=date(2026, 3, 1),
            end=date(2026, 4, 1),
            using="default",
        )

    assert [row.day.day for row in found] == [2, 3, 4, 5, 6]


def address(**query):
    return reverse("admin:reports", query=query)


def range_of(schedule):
    day = schedule.service_date.isoformat()
    return {"start": day, "until": day}


def test_stands_at_its_address():
    assert address() == "/admin/reports/"


def test_shows_the_finding_the_tables_and_hides_small_counts(reader, cardiology):
    schedule = schedule_with_slots(6, doctor=DoctorFactory(department=cardiology))
    fill(schedule)

    page = reader.get(address(**range_of(schedule)))

    text = page.content.decode()
    assert page.status_code == 200
    assert "Cardiology · East Clinic is the fullest: 100% of its places were booked" in text
    assert page.context["total"].told == ("6", "6", "0", "0", "0")

    one_left = schedule_with_slots(6, doctor=DoctorFactory(department=cardiology))
    fill(one_left, 1, 2)
    Schedule.objects.filter(pk=one_left.pk).update(service_date=date(2026, 3, 2))
    few = reader.get(address(**range_of(schedule), department=DepartmentFactory().pk))
    assert "No visits in this range." in few.content.decode()


def test_says_when_there_is_nothing(reader):
    page = reader.get(address())

    assert page.status_code == 200
    assert "No visits in this range." in page.content.decode()


def test_narrows_to_a_clinic_and_a_department(reader, cardiology):
    here = schedule_with_slots(6, doctor=DoctorFactory(department=cardiology))
    west = ClinicFactory(code="west", name_en="West Clinic")
    schedule_with_slots(4, doctor=DoctorFactory(department=DepartmentFactory(clinic=west)))

    def offered(**narrowed):
        return reader.get(address(**range_of(here), **narrowed)).context["total"].offered

    assert offered() == 10
    assert offered(clinic=west.pk) == 4
    assert offered(department=cardiology.pk) == 6
    assert offered(clinic=west.pk, department=cardiology.pk) == 0


@pytest.mark.parametrize(
    ("start", "until", "said"),
    [
        ("2026-03-02", "2026-03-01", "before the first"),
        ("2025-01-01", "2026-12-31", "a year at most"),
        ("yesterday", "2026-03-01", "Enter a valid date"),
    ],
)
def test_names_what_is_wrong_with_a_range(reader, start, until, said):
    page = reader.get(address(start=start, until=until))

    assert page.status_code == 422
    assert said in page.content.decode()


def test_gives_a_csv_and_notes_who_took_it(reader):
    odd = DepartmentFactory(name_en="=HYPERLINK(0)", clinic=ClinicFactory(code="east"))
    schedule = schedule_with_slots(6, doctor=DoctorFactory(department=odd))
    fill(schedule, 1, 2)

    answer = reader.get(address(**range_of(schedule), format="csv"))

    day = schedule.service_date.isoformat()
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert f'filename="bookings-{day}-{day}.csv"' in answer["Content-Disposition"]
    assert answer.content.decode("utf-8-sig").splitlines() == [
        "Date,Clinic,Department,Offered,Booked,Attended,Cancelled,Called off",
        f"{day},East Clinic,'=HYPERLINK(0),6,<5,0,0,0",
    ]
    event = OperationLog.objects.get(action="export.made")
    assert event.facts["report"] == "bookings"
    assert (event.channel, event.facts["rows"]) == ("admin", 1)


def test_reading_the_page_is_no_export(reader):
    reader.get(address())

    assert not OperationLog.objects.filter(action="export.made").exists()


def test_staff_without_the_permission_are_turned_away_and_noted(client):
    client.force_login(UserFactory(is_staff=True))

    assert client.get(address()).status_code == 403
    assert OperationLog.objects.filter(action="access.denied", outcome="denied").exists()


def test_members_and_strangers_are_sent_to_sign_in(client):
    assert client.get(address()).status_code == 302
    client.force_login(member_with_patient().user)
    assert client.get(address()).status_code == 302


def test_nothing_is_posted_here(reader):
    assert reader.post(address()).status_code == 405


def test_holds_no_style_and_no_script_of_its_own(reader, cardiology):
    schedule = schedule_with_slots(6, doctor=DoctorFactory(department=cardiology))

    text = reader.get(address(**range_of(schedule))).content.decode()

    assert " style=" not in text
    assert "<script>" not in text
