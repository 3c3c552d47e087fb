"""Do calendars get every visit at the right hour, follow its changes and learn nothing else?"""

from datetime import UTC, datetime, timedelta

import icalendar
import pytest
from django.test import Client
from django.urls import reverse

from appointments.models import Appointment
from appointments.selectors.calendar import calendar_of_visit, feed_of
from appointments.services.cancelling import cancel_appointment
from medbook import clock
from medbook.audit.models import OperationLog
from members.models import CalendarFeed
from members.services.calendar_feeds import (
    close_calendar_feed,
    member_of_feed,
    open_calendar_feed,
)
from tests.api import ROOT, caller, refusal
from tests.appointments.booking import book, call_off, hold
from tests.factories import ClinicFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def alice():
    return member_with_patient()


@pytest.fixture
def visit(alice):
    return book(alice, schedule_with_slots(1))


def events(written):
    calendar = icalendar.Calendar.from_ical(written)
    assert not calendar.errors
    return {str(event["uid"]): event for event in calendar.walk("VEVENT")}


def only_event(written):
    [event] = events(written).values()
    return event


def signed_in(member):
    browser = Client()
    browser.force_login(member.user, "django.contrib.auth.backends.ModelBackend")
    return browser


def feed(token):
    return Client().get(f"/calendar/{token}.ics")


def open_feed(member):
    return open_calendar_feed(member=member, by=member.user, now=clock.now())


def test_a_visit_names_the_clinic_and_neither_doctor_nor_department(visit):
    written = calendar_of_visit(visit)

    event = only_event(written)
    assert event["uid"] == f"{visit.uid}@medbook"
    assert event["summary"] == "Visit at East Clinic"
    assert event.decoded("dtstart") == visit.starts_at
    assert event.decoded("dtend") == visit.ends_at
    assert event["status"] == "CONFIRMED"
    [alarm] = event.walk("VALARM")
    assert alarm.decoded("trigger") == -timedelta(days=1)
    text = written.decode()
    assert "METHOD:PUBLISH" in text
    assert "TZID:Asia/Shanghai" in text
    assert visit.doctor.name_en not in text
    assert visit.department.name_en not in text


@pytest.mark.parametrize(
    ("start", "local", "offset"),
    [
        ("2027-03-27T08:00Z", "2027-03-27T09:00", 1),
        ("2027-03-28T07:00Z", "2027-03-28T09:00", 2),  # the clocks went forward at 01:00 UTC
        ("2027-10-30T07:00Z", "2027-10-30T09:00", 2),
        ("2027-10-31T08:00Z", "2027-10-31T09:00", 1),  # and back
        ("2027-10-31T00:30Z", "2027-10-31T02:30", 2),  # the hour that comes twice, first
        ("2027-10-31T01:30Z", "2027-10-31T02:30", 1),  # and second
    ],
)
def test_times_are_right_around_the_change_of_the_clocks_in_berlin(visit, start, local, offset):
    visit.department.clinic.time_zone = "Europe/Berlin"
    visit.starts_at = datetime.fromisoformat(start)
    visit.ends_at = visit.starts_at + timedelta(minutes=20)

    at = only_event(calendar_of_visit(visit)).decoded("dtstart")

    assert at.replace(tzinfo=None) == datetime.fromisoformat(local)
    if "01:30Z" not in start:  # a written wall clock time means the first of the two
        assert at.astimezone(UTC) == visit.starts_at
        assert at.utcoffset() == offset * HOUR


def test_a_cancelled_visit_takes_itself_out(visit, alice):
    before = only_event(calendar_of_visit(visit))
    cancel_appointment(appointment_uid=visit.uid, by=alice.user, now=clock.now())
    visit.refresh_from_db()

    after = only_event(calendar_of_visit(visit))

    assert after["uid"] == before["uid"]
    assert after["sequence"] > before["sequence"]
    assert after["status"] == "CANCELLED"
    assert not after.walk("VALARM")
    assert b"METHOD:CANCEL" in calendar_of_visit(visit)


def test_a_moved_visit_has_a_higher_sequence(visit):
    visit.sequence = 3

    assert only_event(calendar_of_visit(visit))["sequence"] == 3


def test_the_feed_keeps_what_came_to_nothing_for_30_days(visit, alice):
    call_off(visit.slot.schedule)
    next_day = visit.service_date + timedelta(days=1)
    hold(alice, schedule_with_slots(1, service_date=next_day), key="held")
    ended_at = Appointment.objects.get(pk=visit.pk).ended_at

    just_now = events(feed_of(alice, ended_at + timedelta(days=30) - HOUR))
    later = events(feed_of(alice, ended_at + timedelta(days=30)))

    assert [event["status"] for event in just_now.values()] == ["CANCELLED"]
    assert not later


def test_the_feed_asks_one_query(alice, django_assert_num_queries):
    for days in range(3):
        day = clock.local_date(clock.now(), "Asia/Shanghai") + timedelta(days=days + 2)
        book(alice, schedule_with_slots(1, service_date=day), key=str(days))

    with django_assert_num_queries(1):
        assert len(events(feed_of(alice, clock.now()))) == 3


def test_a_secret_address_opens_the_feed_until_it_ends(visit, alice):
    first = open_feed(alice)
    assert first not in CalendarFeed.objects.get().token_hash
    answer = feed(first)
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert "no-store" in answer["Cache-Control"]
    assert list(events(answer.content)) == [f"{visit.uid}@medbook"]

    second = open_feed(alice)
    assert feed(first).status_code == 404
    assert feed(second).status_code == 200
    close_calendar_feed(member=alice, by=alice.user, now=clock.now())

    assert feed(second).status_code == 404
    assert feed("guessed").status_code == 404
    acts = OperationLog.objects.filter(action__startswith="calendar_feed").order_by("id")
    assert [act.action.split(".")[1] for act in acts] == ["opened", "opened", "closed"]


def test_a_closed_account_has_no_feed(alice):
    token = open_feed(alice)
    alice.user.is_active = False
    alice.user.save()

    assert member_of_feed(token) is None


def test_who_asks_too_often_waits(settings):
    settings.API_RATE_LIMITS_PER_MINUTE = {"write": 1, "read": 1, "network": 1}
    settings.API_RATE_LIMITED = True

    answers = [feed("guessed") for _ in range(2)]

    assert answers[-1].status_code == 429
    assert answers[-1]["Retry-After"]


def test_the_account_page_shows_an_address_once(alice):
    browser, page = signed_in(alice), reverse("members:calendar_feed")
    assert page in browser.get(reverse("members:account")).content.decode()

    made = browser.post(page, follow=True).content.decode()
    again = browser.get(page).content.decode()

    [address] = [part for part in made.split() if "/calendar/" in part and ".ics" in part]
    token = address.split("/calendar/")[1].split(".ics")[0]
    assert member_of_feed(token) == alice
    assert token not in again
    browser.post(page, {"end": "yes"})
    assert member_of_feed(token) is None


def test_the_pages_of_a_visit_lead_to_its_file(visit, alice):
    browser = signed_in(alice)
    address = reverse("appointments:visit_calendar", args=[visit.reference])
    for page in ("booked", "appointment"):
        shown = browser.get(reverse(f"appointments:{page}", args=[visit.reference]))
        assert address in shown.content.decode()

    answer = browser.get(address)

    assert answer["Content-Disposition"] == f'attachment; filename="{visit.reference}.ics"'
    assert only_event(answer.content)
    assert signed_in(member_with_patient()).get(address).status_code == 404
    next_day = visit.service_date + timedelta(days=1)
    held = hold(alice, schedule_with_slots(1, service_date=next_day), key="held")
    nothing = browser.get(reverse("appointments:visit_calendar", args=[held.reference]))
    assert nothing.status_code == 404


def test_the_api_gives_the_same_file(visit, alice):
    address = f"{ROOT}appointments/{visit.uid}/calendar.ics"

    answer = caller(alice).get(address)

    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.content == calendar_of_visit(visit)
    assert caller(alice, Accept="text/calendar").get(address).status_code == 200
    assert refusal(caller(member_with_patient()).get(address)) == (404, "not_found")


def test_commas_and_long_names_survive(visit):
    clinic = ClinicFactory(code="west", name_en="West, at the; river " + "long " * 8)
    visit.department.clinic = clinic

    event = only_event(calendar_of_visit(visit))

    assert event["summary"] == f"Visit at {clinic.name_en}"
