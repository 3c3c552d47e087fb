"""Who comes back within the department's days is not charged again."""

from datetime import timedelta
from decimal import Decimal

import pytest

from appointments.selectors.returns import is_free_return
from appointments.services.visits import check_in, finish_visit, start_visit
from billing.models import Invoice
from tests.appointments.booking import book, hold, pay
from tests.factories import FamilyLinkFactory, UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return member_with_patient()


@pytest.fixture
def seen(alice):
    """Alice was seen and charged in a department that sees her again free for 2 days."""
    schedule = schedule_with_slots()
    schedule.department.free_return_days = 2
    schedule.department.save()
    visit = book(alice, schedule)
    desk = {"appointment_uid": visit.uid, "by": UserFactory(is_staff=True, is_superuser=True)}
    check_in(**desk, now=schedule.starts_at)
    pay(visit, now=schedule.starts_at)
    start_visit(**desk, now=schedule.starts_at)
    finish_visit(**desk, now=schedule.ends_at)
    return visit


def session(seen, days):
    return schedule_with_slots(
        doctor=seen.doctor, service_date=seen.service_date + timedelta(days=days)
    )


@pytest.mark.parametrize(("days", "is_free"), [(1, True), (2, True), (3, False)])
def test_free_within_the_days_and_not_after(alice, seen, days, is_free):
    again = hold(alice, session(seen, days), key="again")

    assert again.is_free_return is is_free
    assert again.price == (Decimal(0) if is_free else Decimal(180))


def test_a_free_visit_is_booked_at_once_and_its_invoice_says_why(alice, seen):
    again = book(alice, session(seen, 2), key="again")

    invoice = Invoice.objects.get(subject=again.subject)
    assert (again.state, invoice.state, invoice.total) == ("booked", "paid", Decimal(0))
    lines = list(invoice.lines.order_by("number").values_list("kind", "amount"))
    assert lines == [("fee", Decimal(180)), ("free_return", Decimal(-180))]


def test_a_free_visit_begins_no_new_period(alice, seen):
    book(alice, session(seen, 2), key="again")

    assert not is_free_return(seen.patient, seen.department, seen.service_date + timedelta(days=3))


def test_another_patient_is_charged(alice, seen):
    child = FamilyLinkFactory(member=alice, relation="child").patient

    assert hold(alice, session(seen, 2), patient=child, key="again").price == Decimal(180)
    assert not is_free_return(child, seen.department, seen.service_date)


def test_what_is_only_booked_frees_nobody(alice):
    visit = book(alice, schedule_with_slots())
    visit.department.free_return_days = 3

    assert not is_free_return(visit.patient, visit.department, visit.service_date)


def test_no_price_is_agreed_that_the_member_has_not_seen(alice, seen, client):
    child = FamilyLinkFactory(member=alice, relation="child").patient
    again = hold(alice, session(seen, 2), key="again")
    client.force_login(alice.user, "django.contrib.auth.backends.ModelBackend")
    address = f"/en/appointments/{again.reference}/confirm/"
    assert "Free return visit" in client.get(address).text

    refused = client.post(address, {"patient": str(child.uid), "shown_free": "1"})

    assert refused.status_code == 409
    assert "another one" in refused.text
    again.refresh_from_db()
    assert again.state == "held"
