"""Does the desk get from a voice on the telephone to a booked visit, with nothing in addresses?"""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from appointments.choices import AppointmentState, Source
from appointments.models import Appointment
from billing.errors import PolicyNotValid
from billing.models import Claim
from medbook import clock
from members.choices import Relation
from members.models import Member, Patient
from members.services.roles import grant_roles
from tests.api import ROOT, caller, refusal
from tests.appointments.booking import fill, pay
from tests.appointments.test_desk import book_at_desk, keep_for_desk
from tests.factories import (
    FamilyLinkFactory,
    InsurancePolicyFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db

FIND = "/admin/book/"


@pytest.fixture
def desk():
    grant_roles()
    account = UserFactory(is_staff=True)
    account.groups.add(Group.objects.get(name="desk"))
    return account


@pytest.fixture
def browser(desk):
    client = Client()
    client.force_login(desk, "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def alice():
    return member_with_patient()


def today(count=1):
    start = clock.now() + timedelta(minutes=5)
    return schedule_with_slots(
        count,
        service_date=clock.local_date(clock.now(), "Asia/Shanghai"),
        starts_at=start,
        ends_at=start + timedelta(hours=3),
    )


def at(name, link, *more):
    return reverse(f"admin:{name}", args=[link.uid, *more])


def test_a_caller_is_found_and_booked(browser, alice):
    schedule, link = schedule_with_slots(2), alice.links.get()
    keep_for_desk(schedule, 1)

    found = browser.post(FIND, {"looked_for": alice.number})
    times = browser.get(at("book_times", link), {"day": schedule.service_date.isoformat()})
    start = schedule.starts_at.isoformat()
    confirm = at("book_confirm", link, schedule.uid) + f"?at={start.replace('+', '%2B')}"
    shown = browser.get(confirm)
    booked = browser.post(confirm, {"reason": "A cough", "idempotency_key": "one"}, follow=True)

    assert at("book_times", link) in found.content.decode()
    assert "1 kept for the desk" in times.content.decode()
    assert "180.00" in shown.content.decode()
    visit = Appointment.objects.get()
    assert (visit.source, visit.starts_at) == (Source.DESK, schedule.starts_at)
    page = booked.content.decode()
    assert " ".join(visit.reference) in page
    assert 'lang="zh-hans"' in page
    phone = alice.phone.reveal()
    for answer in (found, times, shown, booked):
        assert phone not in answer.content.decode()
        assert phone not in answer.request["PATH_INFO"] + answer.request["QUERY_STRING"]


def test_a_caller_is_insured_by_the_policy_that_is_chosen(browser):
    policy = InsurancePolicyFactory()
    InsurancePolicyFactory(valid_to=date(2020, 12, 31), added_by=policy.added_by)
    schedule, link = schedule_with_slots(2), policy.added_by.links.get()
    address = at("book_confirm", link, schedule.uid)
    chosen = {"insurance": str(policy.uid), "idempotency_key": "one"}

    plain = browser.get(address).text
    preview = browser.post(address, {**chosen, "reason": "A cough", "preview": "typed"}).text
    unseen = browser.post(address, chosen)
    browser.post(address, {**chosen, "shown_insurance": str(policy.uid)})

    assert plain.count('name="insurance"') == 2  # this one, or none
    assert "¥36.00" not in plain
    assert policy.number.reveal() not in plain
    assert "¥36.00" in preview
    assert "A cough" in preview
    assert unseen.status_code == 409
    visit = Appointment.objects.get()
    assert (visit.insured, visit.price) == (144, 36)
    pay(visit)
    assert Claim.objects.due(clock.now()).get().policy == policy


def test_whom_a_policy_does_not_concern_is_not_offered_it_at_the_desk(browser, desk):
    policy = InsurancePolicyFactory()
    link = FamilyLinkFactory(
        member=member_with_patient(), patient=policy.patient, relation=Relation.OTHER
    )
    schedule = schedule_with_slots(1)

    page = browser.get(at("book_confirm", link, schedule.uid)).text

    assert 'name="insurance"' not in page
    with pytest.raises(PolicyNotValid):
        book_at_desk(desk, link.member, schedule, patient=link.patient, policy=policy)
    assert not Appointment.objects.exists()


def test_a_form_sent_twice_books_once(browser, alice):
    schedule, link = schedule_with_slots(2), alice.links.get()
    address = at("book_confirm", link, schedule.uid)

    for _ in range(2):
        browser.post(address, {"idempotency_key": "one"})

    assert Appointment.objects.count() == 1


def test_a_refusal_is_said_on_the_page(browser, alice):
    schedule, link = schedule_with_slots(1), alice.links.get()
    fill(schedule)

    answer = browser.post(at("book_confirm", link, schedule.uid), {"idempotency_key": "one"})

    assert answer.status_code == 409
    assert "errornote" in answer.content.decode()
    assert browser.get(at("book_confirm", link, schedule.uid), {"at": "never"}).status_code == 200
    assert browser.get(at("book_times", link), {"day": "2026-02-31"}).status_code == 200


def test_somebody_without_account_and_document_is_booked_for_on_the_telephone(browser):
    browser.post("/admin/register-patient/", {"name": "Bo Lin", "sex": "unknown"})
    patient = Patient.objects.get()
    found = browser.post(FIND, {"looked_for": "Bo Lin"}).content.decode()
    account = reverse("admin:book_account", args=[patient.uid])
    assert account in found
    unagreed = browser.post(account, {"phone": "13900001234"})
    assert unagreed.status_code == 422

    answer = browser.post(account, {"phone": "13900001234", "agrees": "on"})

    member = Member.objects.get()
    assert answer["Location"] == at("book_times", member.links.get())
    assert member.phone_verified_at is None
    assert not member.user.has_usable_password()
    schedule = schedule_with_slots(1)
    browser.post(at("book_confirm", member.links.get(), schedule.uid), {"idempotency_key": "one"})
    assert Appointment.objects.get().patient == patient


def test_neither_a_known_number_nor_a_known_patient_gets_a_second_account(browser, alice):
    browser.post("/admin/register-patient/", {"name": "Bo Lin", "sex": "unknown"})
    said = {"phone": alice.phone.reveal(), "agrees": "on"}
    patient = Patient.objects.latest("pk")
    booked_for = alice.links.get().patient

    known_number = browser.post(reverse("admin:book_account", args=[patient.uid]), said)
    in_a_list = browser.post(
        reverse("admin:book_account", args=[booked_for.uid]), {**said, "phone": "13900001234"}
    )

    assert (known_number.status_code, in_a_list.status_code) == (409, 409)
    assert Member.objects.count() == 1


def test_who_is_here_without_an_appointment_is_taken_in(browser, alice):
    schedule, link = today(), alice.links.get()
    fill(schedule)
    assert "take in now" in browser.get(at("book_times", link)).content.decode()

    answer = browser.post(at("walk_in", link, schedule.uid), {"idempotency_key": "one"})

    visit = Appointment.objects.get(member=alice)
    assert answer["Location"] == reverse("admin:book_done", args=[visit.reference])
    assert visit.state == AppointmentState.ARRIVED
    read_out = browser.get(answer["Location"]).text
    assert "You are taken in with" in read_out
    assert "be there by" not in read_out  # the time is past
    refused = browser.post(at("walk_in", link, schedule.uid), {"idempotency_key": "two"})
    assert refused.status_code == 409


def test_an_unknown_person_visit_or_session_is_not_found(browser, alice):
    for address in (
        f"{FIND}{uuid4()}/",
        f"{FIND}account/{uuid4()}/",
        f"{FIND}done/0000000000/",
        at("book_confirm", alice.links.get(), uuid4()),
    ):
        assert browser.get(address).status_code == 404


def test_the_api_books_for_a_caller_once(desk, alice):
    schedule = schedule_with_slots(2)
    body = {
        "member": str(alice.uid),
        "patient": str(alice.links.get().patient.uid),
        "schedule": str(schedule.uid),
    }
    client, address = caller(desk), f"{ROOT}admin/appointments/"

    first = client.post(address, body, headers={"Idempotency-Key": "one"})
    again = client.post(address, body, headers={"Idempotency-Key": "one"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again["Idempotent-Replay"] == "true"
    assert refusal(client.post(address, body)) == (400, "idempotency_key_required")
    stranger = {**body, "patient": str(uuid4())}
    answer = client.post(address, stranger, headers={"Idempotency-Key": "two"})
    assert refusal(answer) == (404, "not_your_patient")


def test_the_api_cancels_for_a_caller_and_notes_who_has_not_come(desk, alice):
    body = {
        "member": str(alice.uid),
        "patient": str(alice.links.get().patient.uid),
        "schedule": str(schedule_with_slots(1).uid),
    }
    client = caller(desk)
    made = client.post(
        f"{ROOT}admin/appointments/", body, headers={"Idempotency-Key": "one"}
    ).json()
    address = f"{ROOT}admin/appointments/{made['id']}/"

    assert refusal(client.post(f"{address}no-show/", {})) == (409, "still_expected")
    assert client.post(f"{address}cancel/", {}).json()["state"] == "cancelled"
    assert refusal(client.post(f"{address}cancel/", {})) == (409, "already_cancelled")
