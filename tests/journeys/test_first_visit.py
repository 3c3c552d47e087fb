"""A member's first weeks through the pages: join, sign in, book, see, cancel, book again."""

import re
from datetime import timedelta

import pytest

from appointments.choices import AppointmentState, EndReason
from appointments.models import Appointment
from billing.choices import InvoiceState
from billing.models import Invoice
from medbook import clock
from medbook.audit.models import OperationLog
from members.models import Member, OneTimeCode
from members.selectors.people import own_patient
from members.services.patients import verify_patient
from scheduling.choices import SlotState
from scheduling.rules.sessions import search_text
from tests.factories import (
    DoctorFactory,
    TierFactory,
    UserFactory,
    resident_id,
    schedule_with_slots,
)
from tests.members.people import code_sent, sign_up

pytestmark = pytest.mark.django_db

PHONE, PASSWORD = "13800138000", "medbook-demo-1"


@pytest.fixture
def schedule():
    TierFactory()
    shen = DoctorFactory(
        name_en="Shen Yun", name_zh="沈昀", search_text=search_text("Shen Yun", "沈昀", "D1")
    )
    return schedule_with_slots(3, doctor=shen)


def chips_on(page):
    """Read the forms of times as a browser would: where they lead and what they send."""
    forms = re.findall(r'<form method="post" action="([^"]*/book/)">(.*?)</form>', page.text, re.S)
    for action, inside in forms:
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', inside))
        for value in re.findall(r'<button[^>]* name="starts_at" value="([^"]*)"', inside):
            yield action, {**hidden, "starts_at": value}


def press_first_chip(client, page):
    action, data = next(chips_on(page))
    return client.post(action, data, follow=True)


def join(client, language):
    """Join by phone alone; the desk then types the document, and the password is set by a code."""
    sign_up(client, PHONE, language=language)
    client.post(f"/{language}/sign-out/")
    patient = own_patient(Member.objects.get())
    patient.name = "陈爱丽"
    patient.save()
    desk = UserFactory(is_staff=True)
    verify_patient(
        patient_uid=patient.uid, identity_number=resident_id(7), by=desk, now=clock.now()
    )
    page = f"/{language}/reset-password/"
    OneTimeCode.objects.update(created_at=clock.now() - timedelta(minutes=1))
    client.post(page, {"phone": PHONE})
    client.post(page, {"code": code_sent(PHONE), "password": PASSWORD})
    client.post(f"/{language}/sign-out/")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_joins_books_cancels_and_books_again(client, schedule, language):
    join(client, language)

    # Signed out: find the doctor, tap a time, sign in, come back to the time.
    page = client.get(f"/{language}/doctors/", {"q": "沈"})
    page = press_first_chip(client, page)
    assert page.resolver_match.view_name == "members:sign_in"
    back = page.context["redirect_field_value"]
    page = client.post(
        page.request["PATH_INFO"], {"login": PHONE, "password": PASSWORD, "next": back}, follow=True
    )
    assert page.resolver_match.view_name == "appointments:doctor"
    assert page.context["chosen"]

    # One tap holds it, one confirms it.
    page = press_first_chip(client, page)
    assert page.resolver_match.view_name == "appointments:confirm"
    page = client.post(page.request["PATH_INFO"], {"reason": "头痛"}, follow=True)
    assert page.resolver_match.view_name == "appointments:booked"
    visit = Appointment.objects.get()
    assert visit.state == AppointmentState.BOOKED
    assert visit.slot.number == 1
    assert Invoice.objects.get().state == InvoiceState.OPEN

    # It shows on the home page and in the list.
    assert client.get(f"/{language}/").context["next_appointment"] == visit
    [(_, listed)] = client.get(f"/{language}/appointments/").context["groups"]
    assert listed == [visit]

    # Cancelled, the place is free again and nothing is owed.
    page = client.post(f"/{language}/appointments/{visit.reference}/cancel/", follow=True)
    visit.refresh_from_db()
    assert page.context["appointment"] == visit
    assert (visit.state, visit.end_reason) == (AppointmentState.CANCELLED, EndReason.MEMBER)
    assert schedule.slots.get(number=1).state == SlotState.FREE
    assert Invoice.objects.get().state == InvoiceState.VOID

    # The same place can be had again: the doctor's page has it, two taps book it.
    page = press_first_chip(client, client.get(f"/{language}/doctors/{schedule.doctor.slug}/"))
    page = client.post(page.request["PATH_INFO"], {}, follow=True)
    assert page.resolver_match.view_name == "appointments:booked"
    assert page.context["appointment"].slot.number == 1

    # The log says who did what.
    done = list(OperationLog.objects.order_by("id").values_list("action", flat=True))
    for action in ("appointment.held", "appointment.booked", "appointment.cancelled"):
        assert action in done


def test_books_again_from_the_home_page_in_two_taps(client, schedule):
    join(client, "en")
    client.post("/en/sign-in/", {"login": PHONE, "password": PASSWORD})
    page = press_first_chip(client, client.get("/en/doctors/"))
    client.post(page.request["PATH_INFO"], {})
    next_day = schedule.service_date + timedelta(1)
    again = schedule_with_slots(2, doctor=schedule.doctor, service_date=next_day)
    schedule.slots.filter(state=SlotState.FREE).update(state=SlotState.BLOCKED)

    page = press_first_chip(client, client.get("/en/"))
    page = client.post(page.request["PATH_INFO"], {}, follow=True)

    assert page.resolver_match.view_name == "appointments:booked"
    assert page.context["appointment"].slot.schedule == again
