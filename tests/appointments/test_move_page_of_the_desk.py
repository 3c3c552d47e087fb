"""How does the desk move a visit for a member?"""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from appointments.models import Appointment
from tests.appointments.booking import book, fill, pay
from tests.factories import DoctorFactory, UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db


@pytest.fixture
def visit():
    return book(member_with_patient(), schedule_with_slots(3))


@pytest.fixture
def target(visit):
    return schedule_with_slots(
        3,
        doctor=DoctorFactory(department=visit.department, name_en="Shen Yun"),
        service_date=visit.service_date + timedelta(days=1),
        fee=Decimal("200.00"),
    )


@pytest.fixture
def desk(client):
    account = UserFactory(is_staff=True)
    names = ["book_for_member", "view_appointment"]
    account.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(account)
    return client


def address(visit):
    return reverse("admin:move_visit", args=[visit.reference])


def chosen(schedule):
    start = schedule.slots.get(number=2).starts_at
    return {"schedule": str(schedule.uid), "at": start.isoformat()}


def test_shows_the_departments_times_then_the_price_then_moves(desk, visit, target):
    pay(visit)

    times = desk.get(address(visit), {"day": target.service_date})
    check = desk.get(address(visit), chosen(target))
    done = desk.post(address(visit), {**chosen(target), "idempotency_key": uuid.uuid4()})

    assert "Shen Yun" in times.text
    assert "¥20.00 to be paid before check-in" in check.text
    assert done["Location"] == reverse("admin:appointments_appointment_change", args=[visit.pk])
    moved = Appointment.objects.get()
    assert (moved.slot.schedule, moved.reschedules, moved.sequence) == (target, 0, 1)


def test_a_time_that_has_gone_keeps_the_old(desk, visit, target):
    fill(target)

    answer = desk.post(address(visit), chosen(target))

    assert answer.status_code == 409
    assert "All places of this session are taken." in answer.text
    assert Appointment.objects.get(pk=visit.pk).slot_id == visit.slot_id


@pytest.mark.parametrize("said", [{}, {"schedule": "x", "at": "soon"}])
def test_what_cannot_be_read_changes_nothing(desk, visit, said):
    assert desk.post(address(visit), said).status_code == 422
    assert Appointment.objects.get().slot_id == visit.slot_id


def test_the_visit_leads_here_while_it_is_booked(desk, visit):
    page = desk.get(reverse("admin:appointments_appointment_change", args=[visit.pk]))

    assert address(visit) in page.text


def test_an_unknown_reference_is_not_found(desk):
    assert desk.get(reverse("admin:move_visit", args=["0000000000"])).status_code == 404
