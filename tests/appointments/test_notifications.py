"""What is a member told, in which language, by which ways, and what is left unsaid?"""

from datetime import time, timedelta

import pytest
from django.core import mail
from django.utils import translation

from appointments.services.cancelling import cancel_appointment
from appointments.services.holds import expire_lapsed_holds
from medbook import clock
from medbook.outbox.models import OutboxMessage
from medbook.outbox.services import dispatch_due_messages
from members.choices import DeliveryState
from members.models import Delivery
from members.selectors.messages import inbox, told
from tests.appointments.booking import book, call_off, hold, reschedule
from tests.factories import (
    DepartmentFactory,
    DoctorFactory,
    member_with_patient,
    schedule_with_slots,
)
from tests.members.messages import delivered, sent_by

pytestmark = pytest.mark.django_db
AWAKE = {"quiet_from": time(0), "quiet_until": time(0)}


@pytest.fixture
def visit():
    department = DepartmentFactory(name_en="Psychiatry", name_zh="精神科")
    schedule = schedule_with_slots(1, doctor=DoctorFactory(department=department))
    alice = member_with_patient(email="alice@example.org", **AWAKE)
    return book(alice, schedule)


def texts(member, language="en"):
    with translation.override(language):
        return [one.words.text for one in told(inbox(member).order_by("id"))]


def test_a_booking_is_confirmed_by_mail_and_sms_and_in_the_inbox(visit):
    delivered()

    [message] = mail.outbox
    [sms] = sent_by("sms")
    [inside] = texts(visit.member)
    assert message.to == ["alice@example.org"]
    for text in (message.body, sms, inside):
        assert visit.reference in text
        assert clock.text(visit.starts_at, "Asia/Shanghai") in text
        assert "East Clinic" in text
    assert f"/en/appointments/{visit.reference}/" in message.body


def test_department_doctor_and_patient_stay_unsaid(visit):
    delivered()
    cancel_appointment(appointment_uid=visit.uid, by=visit.member.user, now=clock.now())
    delivered()

    assert len(mail.outbox) == len(sent_by("sms")) == 2
    said = [letter.subject + letter.body for letter in mail.outbox] + sent_by("sms")
    for unsaid in ("Psychiatry", visit.doctor.name_en, visit.patient.name.reveal()):
        assert unsaid not in "".join(said)


def test_names_the_deadline_for_cancelling_while_there_is_one(visit):
    deadline = clock.text(visit.cancel_until, "Asia/Shanghai")

    delivered()

    assert deadline in mail.outbox[0].body


def test_names_no_deadline_that_has_passed(visit):
    visit.cancel_until = clock.now()
    visit.save()

    delivered()

    assert "cancel" not in mail.outbox[0].body


def test_is_told_once_however_often_the_message_is_handled(visit):
    delivered()
    OutboxMessage.objects.update(handled_at=None)

    delivered()

    assert len(mail.outbox) == len(texts(visit.member)) == 1


def test_is_not_confirmed_when_it_was_cancelled_meanwhile(visit):
    cancel_appointment(appointment_uid=visit.uid, by=visit.member.user, now=clock.now())

    delivered()

    assert [letter.subject for letter in mail.outbox] == ["Your visit is cancelled"]


def test_a_confirmation_that_still_waits_gives_way_to_the_cancellation(visit):
    visit.member.quiet_from, visit.member.quiet_until = _around_now()
    visit.member.save()
    dispatch_due_messages(now=clock.now())
    cancel_appointment(appointment_uid=visit.uid, by=visit.member.user, now=clock.now())
    dispatch_due_messages(now=clock.now())

    states = {(row.kind, row.state) for row in Delivery.objects.all()}

    assert states == {
        ("appointment_booked", DeliveryState.SKIPPED),
        ("appointment_cancelled", DeliveryState.WAITING),
    }


def _around_now():
    local = clock.now() + timedelta(hours=8)
    return (local - timedelta(hours=1)).time(), (local + timedelta(hours=1)).time()


def test_of_a_hold_that_was_given_up_nothing_is_said():
    alice = member_with_patient(email="alice@example.org", **AWAKE)
    held = hold(alice, schedule_with_slots(1))
    cancel_appointment(appointment_uid=held.uid, by=alice.user, now=clock.now())

    delivered()

    assert texts(alice) == sent_by("sms") == []


def test_of_a_hold_that_ran_out_nothing_is_said():
    alice = member_with_patient(email="alice@example.org", **AWAKE)
    hold(alice, schedule_with_slots(1), now=clock.now() - timedelta(hours=1))
    expire_lapsed_holds(now=clock.now())

    delivered()

    assert texts(alice) == []


def test_what_the_clinic_calls_off_is_told_by_all_ways_at_any_hour(visit):
    visit.member.quiet_from, visit.member.quiet_until = _around_now()
    visit.member.save()
    for channel in ("sms", "email"):
        visit.member.channel_choices.create(
            kind="appointment_called_off", channel=channel, is_wanted=False
        )

    call_off(visit.slot.schedule)
    delivered()

    assert [letter.subject for letter in mail.outbox] == ["The clinic has called off your visit"]
    assert len(sent_by("sms", "appointment_called_off")) == 1


def test_is_told_in_the_language_of_the_member_and_read_in_any(visit):
    visit.member.user.language = "zh-hans"
    visit.member.user.save()

    delivered()

    assert "东院" in mail.outbox[0].body
    assert "East Clinic" in texts(visit.member)[0]
    assert "东院" in texts(visit.member, "zh-hans")[0]


def test_a_member_without_address_gets_an_sms():
    book(member_with_patient(**AWAKE), schedule_with_slots(1))

    delivered()

    assert mail.outbox == []
    assert len(sent_by("sms")) == 1
    dispatch_due_messages(now=clock.now())
    assert not OutboxMessage.objects.filter(handled_at=None).exists()


def test_the_queue_holds_ids_only(visit):
    dispatch_due_messages(now=clock.now())

    for message in OutboxMessage.objects.all():
        assert set(message.ids) in ({"appointment_uid"}, {"delivery_uid"})


def test_a_moved_visit_is_told_with_old_and_new_time(visit):
    delivered()
    before = clock.text(visit.starts_at, "Asia/Shanghai")
    target = schedule_with_slots(
        1, doctor=visit.doctor, service_date=visit.service_date + timedelta(days=1)
    )

    moved = reschedule(visit, target)
    delivered()

    text = mail.outbox[1].body
    assert before in text
    assert clock.text(moved.starts_at, "Asia/Shanghai") in text
    assert clock.text(moved.cancel_until, "Asia/Shanghai") in text


def test_a_confirmation_that_has_not_gone_out_gives_way_to_the_new_time(visit):
    target = schedule_with_slots(
        1, doctor=visit.doctor, service_date=visit.service_date + timedelta(days=1)
    )
    dispatch_due_messages(now=clock.now())

    reschedule(visit, target)
    delivered()

    kinds = Delivery.objects.exclude(state=DeliveryState.SKIPPED)
    assert set(kinds.values_list("notification__kind", flat=True)) == {"appointment_rescheduled"}
