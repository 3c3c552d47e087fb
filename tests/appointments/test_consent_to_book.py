"""Whether booking asks for the consent to identity and health data, each time anew."""

import pytest
from django.test import Client

from appointments.errors import ConsentMissing as PatientsConsentMissing
from appointments.models import Appointment
from medbook import clock
from members.choices import ConsentPurpose
from members.errors import ConsentMissing
from members.rules import consents as rules
from members.services.consents import give_consent, withdraw_consent
from tests.api import caller, refusal
from tests.appointments.booking import book, hold
from tests.factories import member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db

SENSITIVE = ConsentPurpose.SENSITIVE_DATA


def withdraw(member):
    withdraw_consent(member=member, purpose=SENSITIVE, by=member.user, now=clock.now())


def browser_of(member):
    client = Client(raise_request_exception=False)
    client.force_login(member.user, "django.contrib.auth.backends.ModelBackend")
    return client


def test_who_has_not_agreed_books_nothing_until_then():
    alice, schedule = member_with_patient(consents=[ConsentPurpose.TERMS]), schedule_with_slots(3)

    with pytest.raises(ConsentMissing):
        hold(alice, schedule)
    give_consent(member=alice, purpose=SENSITIVE, by=alice.user, now=clock.now())

    assert hold(alice, schedule)


@pytest.mark.parametrize("act", [hold, book])
def test_taking_it_back_stops_booking_at_once(act):
    alice = member_with_patient()

    withdraw(alice)

    with pytest.raises(ConsentMissing):
        act(alice, schedule_with_slots(3))
    assert not Appointment.objects.exists()


def test_a_new_version_asks_again(monkeypatch):
    alice = member_with_patient()
    monkeypatch.setitem(rules.VERSIONS, SENSITIVE, "2027-01")

    with pytest.raises(ConsentMissing):
        hold(alice, schedule_with_slots(3))


def test_what_is_booked_stays():
    alice = member_with_patient()
    visit = book(alice, schedule_with_slots(3))

    withdraw(alice)

    visit.refresh_from_db()
    assert visit.state == "booked"


def test_the_api_says_403_with_the_purpose():
    alice, schedule = member_with_patient(), schedule_with_slots(3)
    withdraw(alice)
    body = {"patient": str(alice.links.get().patient.uid), "schedule": str(schedule.uid)}

    answer = caller(alice).post(
        "/api/v1/appointments/", {**body, "pay": "desk"}, headers={"Idempotency-Key": "k"}
    )

    assert refusal(answer) == (403, "consent_missing")
    assert answer.json()["purpose"] == "sensitive_data"


def test_the_page_asks_and_leads_back_to_the_time():
    alice, schedule = member_with_patient(), schedule_with_slots(3)
    withdraw(alice)
    form = {"schedule_uid": str(schedule.uid), "idempotency_key": "0" * 32}

    answer = browser_of(alice).post("/en/book/", form)

    assert answer.status_code == 403
    assert "I agree" in answer.text
    assert f'value="/en/doctors/{schedule.doctor.slug}/?day=' in answer.text


def test_confirming_asks_and_keeps_the_hold():
    alice, schedule = member_with_patient(), schedule_with_slots(3)
    held = hold(alice, schedule)
    withdraw(alice)
    browser, path = browser_of(alice), f"/en/appointments/{held.reference}/confirm/"
    patient = str(held.patient.uid)

    answer = browser.post(path, {"patient": patient})
    again = browser.post("/en/consents/sensitive_data/give/", {"next": path})

    assert answer.status_code == 403
    assert f'name="next" value="{path}"' in answer.text
    assert again["Location"] == path
    held.refresh_from_db()
    assert held.state == "held"


def test_both_kinds_of_consent_have_one_code():
    assert ConsentMissing.code == PatientsConsentMissing.code == "consent_missing"
