"""What do the pages of booked visits say, and how is one cancelled?"""

from datetime import timedelta

import pytest
import time_machine

from appointments.choices import AppointmentState
from appointments.models import Appointment
from appointments.services.cancelling import cancel_appointment
from medbook import clock
from scheduling.choices import SlotState
from tests.appointments.booking import book, call_off, hold
from tests.factories import (
    PrivilegeFactory,
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


def address(visit, page="", language="en"):
    return f"/{language}/appointments/{visit.reference}/" + (f"{page}/" if page else "")


@pytest.mark.parametrize(("language", "name"), [("en", "Chen Wei"), ("zh-hans", "陈伟")])
@pytest.mark.parametrize("page", ["booked", "", "cancel"])
def test_shows_the_slip(client, alice, page, language, name):
    visit = book(alice, schedule_with_slots(1))

    answer = client.get(address(visit, page, language))

    assert answer.status_code == 200
    assert name in answer.text
    assert f"{visit.reference[:5]} {visit.reference[5:]}" in answer.text
    assert "no-store" in answer["Cache-Control"]


def test_the_booked_page_holds_a_code_to_scan_and_when_to_come(client, alice):
    visit = book(alice, schedule_with_slots(1))

    page = client.get(address(visit, "booked"))

    assert "<svg" in page.context["qr_svg"]
    assert page.context["qr_svg"] in page.text
    assert page.context["arrive_by"] == visit.starts_at - timedelta(minutes=15)
    assert page.context["deadline"] == visit.starts_at - timedelta(hours=24)
    assert page.context["invoice"].total == visit.price


def test_what_is_only_held_leads_to_the_check(client, alice):
    held = hold(alice, schedule_with_slots(1))

    assert client.get(address(held, "booked"))["Location"] == address(held, "confirm")


def test_lists_visits_by_kind_and_month(client, alice):
    visit = book(alice, schedule_with_slots(1), key="1")
    next_day = visit.service_date + timedelta(1)
    cancelled = book(alice, schedule_with_slots(1, service_date=next_day), key="2")
    cancel_appointment(appointment_uid=cancelled.uid, by=alice.user, now=clock.now())
    book(member_with_patient(), schedule_with_slots(1))

    def listed(query):
        groups = client.get(f"/en/appointments/?{query}").context["groups"]
        return [(month.day, visits) for month, visits in groups]

    assert listed("") == [(1, [visit])]
    assert listed("view=cancelled") == [(1, [cancelled])]
    assert listed("view=past") == []
    assert listed("view=%00") == [(1, [visit])]
    with time_machine.travel(visit.ends_at, tick=False):
        assert listed("view=past") == [(1, [visit])]
        assert listed("view=upcoming") == []


def test_what_the_clinic_called_off_stays_among_the_visits_to_come(client, alice):
    visit = book(alice, schedule_with_slots(1))
    call_off(visit.slot.schedule)

    [(_, visits)] = client.get("/en/appointments/").context["groups"]

    assert visits == [visit]
    assert "The doctor is not available." in client.get(address(visit)).text


def test_cancelling_says_the_deadline_first_then_gives_the_place_back(client, alice):
    visit = book(alice, schedule_with_slots(1))

    page = client.get(address(visit, "cancel"))
    answer = client.post(address(visit, "cancel"))

    assert clock.text(visit.cancel_until, "Asia/Shanghai") in page.text
    assert answer["Location"] == address(visit)
    visit = Appointment.objects.get()
    assert visit.state == AppointmentState.CANCELLED
    assert visit.slot.state == SlotState.FREE
    assert client.post(address(visit, "cancel"))["Location"] == address(visit)


def test_too_late_says_the_rule_and_the_phone_and_cancels_nothing(client, alice):
    visit = book(alice, schedule_with_slots(1))
    visit.department.clinic.phone = "021-5555 0100"
    visit.department.clinic.save()

    with time_machine.travel(visit.cancel_until, tick=False):
        page = client.get(address(visit, "cancel"))
        answer = client.post(address(visit, "cancel"))

    assert "Free cancellation ended" in page.text
    assert "021-5555 0100" in page.text
    assert 'class="button is-danger"' not in page.text
    assert answer.status_code == 409
    assert clock.text(visit.cancel_until, "Asia/Shanghai") in answer.text
    assert Appointment.objects.get().state == AppointmentState.BOOKED


def test_a_tier_that_may_cancel_late_is_told_so(client, alice):
    PrivilegeFactory(tier=alice.tier, key="can_cancel_late", value="true")
    visit = book(alice, schedule_with_slots(1))

    with time_machine.travel(visit.cancel_until + timedelta(hours=1), tick=False):
        page = client.get(address(visit, "cancel"))
        client.post(address(visit, "cancel"))

    assert page.context["may_cancel_late"]
    assert Appointment.objects.get().state == AppointmentState.CANCELLED


def test_a_hold_can_be_given_back_at_any_time(client, alice):
    held = hold(alice, schedule_with_slots(1))

    client.post(address(held, "cancel"))

    assert Appointment.objects.get().state == AppointmentState.CANCELLED


@pytest.mark.parametrize("page", ["", "booked", "cancel"])
def test_a_strangers_visit_is_not_found(client, alice, page):
    visit = book(member_with_patient(), schedule_with_slots(1))

    assert client.get(address(visit, page)).status_code == 404
    assert client.post(address(visit, "cancel")).status_code == 404
    assert Appointment.objects.get().state == AppointmentState.BOOKED


@pytest.mark.parametrize("reference", ["0000000000", "a%00b", "x" * 300, "-"])
def test_an_unknown_reference_is_not_found(client, alice, reference):
    assert client.get(f"/en/appointments/{reference}/").status_code == 404


@pytest.mark.parametrize("path", ["", "0000000000/", "0000000000/booked/", "0000000000/cancel/"])
def test_signed_out_leads_to_sign_in_and_back(client, path):
    answer = client.get(f"/zh-hans/appointments/{path}")

    assert answer["Location"] == f"/zh-hans/sign-in/?next=/zh-hans/appointments/{path}"


def test_staff_have_no_visits_of_their_own(client):
    client.force_login(UserFactory(is_staff=True))

    assert client.get("/en/appointments/").status_code == 403


def test_asks_few_questions(client, alice, django_assert_max_num_queries):
    visit = book(alice, schedule_with_slots(1), key="1")
    for number in range(1, 4):
        day = visit.service_date + timedelta(number)
        book(alice, schedule_with_slots(1, service_date=day), key=str(number + 1))

    for path in ("booked", "", "cancel"):
        with django_assert_max_num_queries(12):
            client.get(address(visit, path))
    with django_assert_max_num_queries(12):
        client.get("/en/appointments/")
