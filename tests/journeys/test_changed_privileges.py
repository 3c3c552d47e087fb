"""Is a privilege that staff changes felt by the very next act of a member, without a restart?"""

from datetime import timedelta

import pytest
from django.test import Client

from appointments.errors import NotOpenYet, PayAtDeskNotAllowed, TooLateToCancel, TooManyOpen
from appointments.services.cancelling import cancel_appointment
from medbook import clock
from members.models import Tier
from tests.appointments.booking import book, hold
from tests.factories import DoctorFactory, member_with_patient, schedule_with_slots
from tests.members.people import staff

pytestmark = pytest.mark.django_db

PAGE = "/admin/membership/"


@pytest.fixture
def gold():
    return Tier.objects.get(code="gold")


@pytest.fixture
def bo(gold):
    return member_with_patient(tier=gold)


@pytest.fixture
def change(gold, django_capture_on_commit_callbacks):
    """Return how an administrator changes one of Gold's privileges, by the page."""
    browser = Client()
    browser.force_login(staff("administrator"))

    def changed(key, value):
        body = {"plan-tier": gold.pk, "plan-key": key, "plan-value": value, "plan-from_day": ""}
        shown = browser.post(PAGE, {"step": "preview_privilege", **body})
        previewed = shown.context["desk"].privilege.answers()
        with django_capture_on_commit_callbacks(execute=True):
            saved = browser.post(
                PAGE, {"step": "save_privilege", "plan-previewed": previewed, **body}
            )
        assert saved.status_code == 302

    return changed


def test_the_next_page_shows_the_new_price(client, bo, change):
    doctor = DoctorFactory(slug="chen-wei")
    schedule_with_slots(3, doctor=doctor)
    client.force_login(bo.user)
    address = "/en/doctors/chen-wei/"
    assert "¥162" in client.get(address).text

    change("discount_rate", "0.5")

    page = client.get(address).text
    assert "¥90" in page
    assert "¥162" not in page


def test_what_is_booked_keeps_its_price(bo, change):
    booked = book(bo, schedule_with_slots(1))

    change("discount_rate", "0.5")

    booked.refresh_from_db()
    assert booked.price == 162
    tomorrow = booked.service_date + timedelta(days=1)
    assert book(bo, schedule_with_slots(1, service_date=tomorrow), key="next").price == 90


def test_the_sale_opens_earlier(bo, change):
    schedule = schedule_with_slots(1, release_at=clock.now() + timedelta(minutes=40))
    with pytest.raises(NotOpenYet):
        hold(bo, schedule)

    change("early_access_minutes", "45")

    assert hold(bo, schedule, key="again")


def test_late_cancelling_ends(bo, change):
    change("can_cancel_late", "false")
    booked = book(bo, schedule_with_slots(1))
    late = booked.starts_at - timedelta(hours=1)
    with pytest.raises(TooLateToCancel):
        cancel_appointment(appointment_uid=booked.uid, by=bo.user, now=late)

    change("can_cancel_late", "true")

    cancel_appointment(appointment_uid=booked.uid, by=bo.user, now=late)


def test_fewer_appointments_may_be_open(bo, change):
    first = book(bo, schedule_with_slots(1))
    second = schedule_with_slots(1, service_date=first.service_date + timedelta(days=1))

    change("open_bookings_limit", "1")

    with pytest.raises(TooManyOpen):
        book(bo, second, key="second")
    change("open_bookings_limit", "2")
    assert book(bo, second, key="third")


def test_paying_at_the_clinic_ends(bo, change):
    change("pay_at_desk", "false")
    with pytest.raises(PayAtDeskNotAllowed):
        book(bo, schedule_with_slots(1))

    change("pay_at_desk", "true")

    assert book(bo, schedule_with_slots(1), key="again")
