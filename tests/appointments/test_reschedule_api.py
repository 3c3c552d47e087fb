import uuid
from datetime import timedelta
from decimal import Decimal

import pytest

from appointments.models import Appointment
from medbook import clock
from members.choices import ConsentState
from scheduling.choices import ScheduleState
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.appointments.booking import book, fill, pay
from tests.factories import (
    DoctorFactory,
    FamilyLinkFactory,
    PrivilegeFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return member_with_patient()


@pytest.fixture
def visit(alice):
    return book(alice, schedule_with_slots(3))


@pytest.fixture
def target(visit):
    return schedule_with_slots(
        3,
        doctor=DoctorFactory(department=visit.department),
        service_date=visit.service_date + timedelta(days=1),
        fee=Decimal("200.00"),
    )


def move(member, visit, key="k", **body):
    headers = {"Idempotency-Key": key} if key else {}
    return caller(member).post(f"{ROOT}appointments/{visit.uid}/reschedule/", body, headers=headers)


def cancel(member, visit, **body):
    return caller(member).post(f"{ROOT}appointments/{visit.uid}/cancel/", body)


def test_moves_and_answers_with_the_extra_invoice(alice, visit, target):
    pay(visit)

    answer = move(alice, visit, schedule=str(target.uid))
    again = move(alice, visit, schedule=str(target.uid))

    body = answer.json()
    assert answer.status_code == 200
    assert (body["schedule"], body["price"], body["reschedules"]) == (
        str(target.uid),
        "200.00",
        1,
    )
    assert (body["extra_invoice"]["total"], body["extra_invoice"]["state"]) == ("20.00", "open")
    assert again.json() == body
    assert again["Idempotent-Replay"] == "true"


def test_a_cheaper_time_and_a_late_cancellation_say_what_goes_back(alice, visit, target):
    PrivilegeFactory(tier=alice.tier, key="can_cancel_late", value="true")
    target.fee = Decimal("100.00")
    target.save()
    pay(visit)
    moved = move(alice, visit, schedule=str(target.uid)).json()
    Appointment.objects.update(cancel_until=clock.now())

    cancelled = cancel(alice, visit, reason="elsewhere").json()

    assert [(each["amount"], each["reason"]) for each in moved["refunds"]] == [("80.00", "cheaper")]
    assert [(each["amount"], each["state"]) for each in cancelled["refunds"]] == [
        ("80.00", "requested"),
        ("50.00", "requested"),
    ]
    assert Appointment.objects.get().cancel_cause == "elsewhere"


ELSEWHERE = str(uuid.uuid4())


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "schedule", "required"),
        ({"schedule": "x"}, "schedule", "invalid"),
        ({"starts_at": "2026-03-29T02:30:00"}, "starts_at", "no_offset"),
        ({"starts_at": "2026-02-30T09:00:00+08:00"}, "starts_at", "invalid"),
        ({"starts_at": "2026-11-30T25:00:00+08:00"}, "starts_at", "invalid"),
        ({"starts_at": "2026-11-30T09:00:00+08:00", "slot": ELSEWHERE}, "slot", "contradiction"),
        ({"patient": ELSEWHERE}, "patient", "unknown_field"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_changes(alice, visit, target, body, field, code):
    said = body if field == "schedule" else {"schedule": str(target.uid), **body}

    assert wrong_fields(move(alice, visit, **said))[field] == code
    assert Appointment.objects.get().slot_id == visit.slot_id


@pytest.mark.parametrize(
    ("wish", "no"),
    [
        (lambda target, other: {"schedule": ELSEWHERE}, (404, "not_found")),
        (lambda target, other: {"schedule": str(other.uid)}, (409, "other_department")),
        (
            lambda target, other: {
                "schedule": str(target.uid),
                "slot": str(other.slots.first().uid),
            },
            (409, "slot_taken"),
        ),
        (
            lambda target, other: {
                "schedule": str(target.uid),
                "starts_at": "2020-01-01T09:00:00+08:00",
            },
            (409, "in_the_past"),
        ),
        (
            lambda target, other: {
                "schedule": str(target.uid),
                "starts_at": "2099-01-01T09:00:00+08:00",
            },
            (409, "slot_taken"),
        ),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(alice, visit, target, wish, no):
    other = schedule_with_slots(1)

    assert refusal(move(alice, visit, **wish(target, other))) == no
    assert Appointment.objects.get().slot_id == visit.slot_id


def test_other_noes_carry_their_codes_and_facts(alice, visit, target):
    said = {"schedule": str(target.uid)}
    assert refusal(move(alice, visit, key=None, **said)) == (400, "idempotency_key_required")
    assert refusal(move(member_with_patient(), visit, **said)) == (404, "not_found")
    target.release_at = clock.now() + timedelta(minutes=5)
    target.save()
    early = move(alice, visit, **said)
    assert refusal(early) == (409, "not_open_yet")
    assert early.json()["opens_at"]
    target.state = ScheduleState.CALLED_OFF
    target.save()
    assert refusal(move(alice, visit, **said)) == (409, "called_off")
    PrivilegeFactory(tier=alice.tier, key="free_reschedules", value="0")
    assert refusal(move(alice, visit, **said)) == (409, "reschedule_limit")
    Appointment.objects.update(cancel_until=clock.now())
    late = move(alice, visit, **said)
    assert refusal(late) == (409, "too_late_to_cancel")
    assert late.json()["deadline"]


def test_a_patient_who_no_longer_agrees_is_not_moved(alice, visit, target):
    alice.links.update(consent=ConsentState.WITHDRAWN)

    assert refusal(move(alice, visit, schedule=str(target.uid)))[0] == 403
    assert Appointment.objects.get().slot_id == visit.slot_id


def test_a_full_session_keeps_the_old_place(alice, visit, target):
    fill(target)

    assert refusal(move(alice, visit, schedule=str(target.uid))) == (409, "sold_out")
    assert Appointment.objects.get(pk=visit.pk).slot_id == visit.slot_id


def test_two_unconfirmed_places_of_a_member_are_enough(alice):
    """Those won by an offer count beside the one of one's own making."""
    children = [FamilyLinkFactory(member=alice, relation="child").patient for _ in range(3)]
    for number, child in enumerate(children[:2]):
        order(alice, child, schedule_with_slots(1), f"h{number}")
        Appointment.objects.filter(patient=child).update(source="offer")

    answer = order(alice, children[2], schedule_with_slots(1), "own")

    assert refusal(answer) == (409, "too_many_open")
    assert answer.json()["limit"] == 2


def order(member, patient, schedule, key):
    body = {"patient": str(patient.uid), "schedule": str(schedule.uid)}
    return caller(member).post(f"{ROOT}appointments/", body, headers={"Idempotency-Key": key})
