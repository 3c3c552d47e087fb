"""Does the desk get through its day in the admin?"""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.urls import reverse

from appointments.choices import AppointmentState
from billing.selectors import invoice_of
from medbook import clock
from scheduling.choices import ScheduleState
from tests.appointments.booking import book
from tests.factories import DoctorFactory, UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db

LIST = "admin:appointments_appointment_changelist"


@pytest.fixture
def _morning():
    """Let it be ten in the morning at the clinic: the day has hours left."""
    with time_machine.travel(clock.now().astimezone(ZoneInfo("Asia/Shanghai")).replace(hour=10)):
        yield


def staff_with(*permissions):
    user = UserFactory(is_staff=True)
    for name in ("view_appointment", "view_schedule", *permissions):
        user.user_permissions.add(*Permission.objects.filter(codename=name))
    return user


def visit_today():
    """Book a visit that takes place today, whenever the test runs."""
    now = clock.now()
    schedule = schedule_with_slots(
        3,
        service_date=clock.local_date(now, "Asia/Shanghai"),
        starts_at=now + timedelta(minutes=5),
        release_at=now - timedelta(days=7),
        same_day_from=now - timedelta(hours=1),
    )
    return book(member_with_patient(), schedule)


def act(client, url, action, row, **answers):
    data = {"action": action, "_selected_action": [row.pk], "confirmed": "yes", **answers}
    return client.post(reverse(url), data, follow=True)


def test_the_desk_checks_in_and_takes_the_money(client):
    visit = visit_today()
    client.force_login(staff_with("check_in", "record_desk_payment"))

    act(client, LIST, "check_in", visit)
    assert (
        "number on its slip" in act(client, LIST, "take_payment", visit, gateway="desk_card").text
    )
    assert "not one of" in act(client, LIST, "take_payment", visit, gateway="sandbox").text
    answer = act(client, LIST, "take_payment", visit, gateway="desk_card", terminal="A-0042")

    visit.refresh_from_db()
    assert visit.state == AppointmentState.ARRIVED
    assert invoice_of(f"appointment:{visit.uid}").state == "paid"
    assert "180.00" in answer.content.decode()


@pytest.mark.usefixtures("_morning")
def test_the_desk_notes_who_has_not_come_and_puts_mistakes_right(client, monkeypatch):
    visit = visit_today()
    desk = staff_with("note_no_show", "check_in")
    client.force_login(desk)
    early = act(client, LIST, "no_show", visit)
    assert "waited for until" in early.content.decode()
    later = visit.starts_at + timedelta(minutes=15)
    monkeypatch.setattr(clock, "now", lambda: later)
    client.force_login(desk)  # that was longer than staff may be idle

    act(client, LIST, "no_show", visit)
    visit.refresh_from_db()
    assert visit.state == AppointmentState.NO_SHOW
    act(client, LIST, "undo_missed", visit, has_come="on")
    visit.refresh_from_db()
    assert visit.state == AppointmentState.ARRIVED
    act(client, LIST, "undo_check_in", visit)

    visit.refresh_from_db()
    assert visit.state == AppointmentState.BOOKED


def test_the_list_can_show_today_by_each_clinics_calendar(client):
    today = visit_today()
    later = book(member_with_patient(), schedule_with_slots(1), key="later")
    client.force_login(staff_with("check_in"))

    shown = client.get(reverse(LIST), {"day": "today"}).content.decode()

    assert today.reference in shown
    assert later.reference not in shown


def test_asks_before_it_acts(client):
    visit = visit_today()
    client.force_login(staff_with("check_in"))

    page = client.post(reverse(LIST), {"action": "check_in", "_selected_action": [visit.pk]})

    visit.refresh_from_db()
    assert page.status_code == 200
    assert visit.state == AppointmentState.BOOKED


def test_says_why_a_step_is_refused(client):
    visit = book(member_with_patient(), schedule_with_slots(1))
    client.force_login(staff_with("check_in"))

    answer = act(client, LIST, "check_in", visit)

    assert "on the day of the visit only" in answer.content.decode()


def test_the_doctor_starts_and_finishes_own_visits_only(client):
    mine, other = visit_today(), visit_today()
    doctor = staff_with("conduct_visit")
    mine.doctor.user = doctor
    mine.doctor.save()
    desk = staff_with("check_in")
    client.force_login(desk)
    for visit in (mine, other):
        act(client, LIST, "check_in", visit)

    client.force_login(doctor)
    for visit in (mine, other):
        act(client, LIST, "start", visit)

    mine.refresh_from_db()
    other.refresh_from_db()
    assert mine.state == AppointmentState.IN_CONSULTATION
    assert other.state == AppointmentState.ARRIVED
    assert other.reference not in client.get(reverse(LIST)).content.decode()


@pytest.mark.parametrize("action", ["check_in", "start", "finish", "take_payment", "cancel"])
def test_who_may_only_look_cannot_act(client, action):
    visit = visit_today()
    client.force_login(staff_with())

    act(client, LIST, action, visit, gateway="desk_cash")

    visit.refresh_from_db()
    assert visit.state == AppointmentState.BOOKED
    assert invoice_of(f"appointment:{visit.uid}").state == "open"


def test_the_desk_cancels_for_a_member_after_the_deadline(client):
    visit = visit_today()
    client.force_login(staff_with("cancel_for_member"))

    act(client, LIST, "cancel", visit)

    visit.refresh_from_db()
    assert visit.state == AppointmentState.CANCELLED


def test_the_scheduler_calls_a_session_off(client):
    visit = book(member_with_patient(), schedule_with_slots(2))
    schedule = visit.slot.schedule
    client.force_login(staff_with("call_off"))

    answer = act(client, "admin:scheduling_schedule_changelist", "call_off", schedule, reason="Ill")

    schedule.refresh_from_db()
    visit.refresh_from_db()
    assert schedule.state == ScheduleState.CALLED_OFF
    assert visit.state == AppointmentState.CALLED_OFF
    assert "1 appointment" in answer.content.decode()


def test_lists_show_patients_by_mask(client):
    visit = book(member_with_patient(), schedule_with_slots(1))
    client.force_login(staff_with())

    page = client.get(reverse(LIST)).content.decode()

    assert visit.reference in page
    assert visit.patient.name.reveal() not in page


def test_finds_a_reference_as_people_type_it(client):
    visit = book(member_with_patient(), schedule_with_slots(1))
    other = book(member_with_patient(), schedule_with_slots(1, doctor=DoctorFactory()))
    client.force_login(staff_with())
    typed = f"{visit.reference[:5].lower()} {visit.reference[5:]}"

    page = client.get(reverse(LIST), {"q": typed}).content.decode()

    assert visit.reference in page
    assert other.reference not in page


def test_a_list_costs_the_same_whatever_its_length(client, django_assert_max_num_queries):
    client.force_login(staff_with())
    for _ in range(6):
        book(member_with_patient(), schedule_with_slots(1))

    with django_assert_max_num_queries(12):
        client.get(reverse(LIST))
