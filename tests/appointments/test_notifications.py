"""What is a member told, in which language, and what is left unsaid?"""

import pytest
from django.core import mail

from appointments.services.cancelling import cancel_appointment
from medbook import clock
from medbook.outbox.models import OutboxMessage
from medbook.outbox.services import dispatch_due_messages
from tests.appointments.booking import book
from tests.factories import (
    DepartmentFactory,
    DoctorFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def visit():
    department = DepartmentFactory(name_en="Psychiatry", name_zh="精神科")
    schedule = schedule_with_slots(1, doctor=DoctorFactory(department=department))
    alice = member_with_patient(email="alice@example.org")
    return book(alice, schedule)


def test_a_booking_is_confirmed_by_mail(visit):
    dispatch_due_messages(now=clock.now())

    [message] = mail.outbox
    assert message.to == ["alice@example.org"]
    assert visit.reference in message.body
    assert clock.text(visit.starts_at, "Asia/Shanghai") in message.body


def test_department_doctor_and_patient_stay_unsaid(visit):
    dispatch_due_messages(now=clock.now())

    said = mail.outbox[0].subject + mail.outbox[0].body
    for unsaid in ("Psychiatry", visit.doctor.name_en, visit.patient.name.reveal()):
        assert unsaid not in said


def test_names_the_deadline_for_cancelling_while_there_is_one(visit):
    deadline = clock.text(visit.cancel_until, "Asia/Shanghai")

    dispatch_due_messages(now=clock.now())

    assert deadline in mail.outbox[0].body


def test_names_no_deadline_that_has_passed(visit):
    visit.cancel_until = clock.now()
    visit.save()

    dispatch_due_messages(now=clock.now())

    assert "cancel" not in mail.outbox[0].body


def test_is_sent_once_however_often_the_message_is_handled(visit):
    dispatch_due_messages(now=clock.now())
    OutboxMessage.objects.update(handled_at=None)

    dispatch_due_messages(now=clock.now())

    assert len(mail.outbox) == 1


def test_is_not_sent_for_what_was_cancelled_meanwhile(visit):
    cancel_appointment(appointment_uid=visit.uid, by=visit.member.user, now=clock.now())

    dispatch_due_messages(now=clock.now())

    assert mail.outbox == []


def test_a_member_without_address_gets_none():
    book(member_with_patient(), schedule_with_slots(1))

    dispatch_due_messages(now=clock.now())

    assert mail.outbox == []
    assert not OutboxMessage.objects.filter(handled_at=None).exists()


def test_the_queue_holds_ids_only(visit):
    for message in OutboxMessage.objects.all():
        assert set(message.ids) == {"appointment_uid"}
