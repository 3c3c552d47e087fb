"""Is what cannot be refused clearly, by each door of booking, and is nothing changed by it?"""

from datetime import timedelta
from uuid import uuid4

import pytest

from appointments.errors import NotYourPatient, OfferExpired
from appointments.models import Appointment
from appointments.services.cancelling import cancel_appointment
from appointments.services.offer_answers import accept_offer
from appointments.services.rescheduling import reschedule_appointment
from billing.models import Invoice
from medbook import clock
from medbook.audit.models import OperationLog
from medbook.errors import DomainError, Missing
from medbook.outbox.models import OutboxMessage
from scheduling.choices import ScheduleState
from scheduling.models import Slot
from tests.api import ROOT, caller, refusal
from tests.appointments.booking import book
from tests.factories import ScheduleFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db
LIST = ROOT + "appointments/"


def everything():
    """Read what a refusal must not touch."""
    return (
        list(Slot.objects.order_by("id").values_list("uid", "state", "returns_at")),
        list(Appointment.objects.order_by("id").values()),
        list(Invoice.objects.order_by("id").values_list("uid", "state", "total")),
        OperationLog.objects.count(),
        OutboxMessage.objects.count(),
    )


@pytest.fixture
def alice():
    return member_with_patient()


@pytest.fixture
def schedule():
    return schedule_with_slots(2)


NOT_A_TIME = [
    "2026-02-30T09:00:00+08:00",
    "2027-02-29T09:00:00+08:00",
    "2026-13-01T09:00:00+08:00",
    "2026-12-01T25:00:00+08:00",
    "tomorrow",
    "",
    "2026-12-01T09:00:00+99:00",
    "10000-01-01T00:00:00Z",
    12,
    [],
]


@pytest.mark.parametrize("starts_at", NOT_A_TIME)
def test_a_time_that_does_not_exist_is_named(alice, schedule, starts_at):
    before = everything()
    body = {
        "schedule": str(schedule.uid),
        "patient": str(alice.links.get().patient.uid),
        "starts_at": starts_at,
    }

    answer = caller(alice).post(LIST, body, headers={"Idempotency-Key": "k"}, format="json")

    assert refusal(answer) == (422, "invalid")
    assert [line["field"] for line in answer.json()["errors"]] == ["starts_at"]
    assert everything() == before


@pytest.mark.parametrize(
    ("starts_at", "told"),
    [
        ("0001-01-01T00:00:00Z", (409, "in_the_past")),
        ("1970-01-01T00:00:00Z", (409, "in_the_past")),
        ("2126-01-01T00:00:00Z", (409, "slot_taken")),
        ("9999-12-31T23:59:59Z", (422, "invalid")),
    ],
)
def test_a_start_that_no_place_has_is_refused_however_far_away(alice, schedule, starts_at, told):
    before = everything()
    body = {
        "schedule": str(schedule.uid),
        "patient": str(alice.links.get().patient.uid),
        "starts_at": starts_at,
    }

    answer = caller(alice).post(LIST, body, headers={"Idempotency-Key": "k"}, format="json")

    assert refusal(answer) == told
    assert everything() == before


def test_a_place_of_another_schedule_is_not_taken(alice, schedule):
    other = schedule_with_slots(1).slots.get()
    before = everything()

    with pytest.raises(DomainError) as refused:
        book(alice, schedule, slot_uid=other.uid)

    assert refused.value.code == "slot_taken"
    assert everything() == before


def draft():
    return ScheduleFactory(state=ScheduleState.DRAFT).uid


@pytest.mark.parametrize("made", [uuid4, draft], ids=["unknown", "draft"])
def test_nobody_books_or_moves_to_a_schedule_that_nobody_can_see(alice, made):
    visit, uid = book(alice, schedule_with_slots(1)), made()
    before = everything()

    with pytest.raises(Missing):
        move(visit, uid, alice)
    assert everything() == before


def move(visit, schedule_uid, member, **chosen):
    return reschedule_appointment(
        appointment_uid=visit.uid,
        schedule_uid=schedule_uid,
        idempotency_key="move",
        by=member.user,
        now=clock.now(),
        **chosen,
    )


def test_a_visit_does_not_move_to_a_place_of_another_schedule(alice, schedule):
    visit = book(alice, schedule)
    target = schedule_with_slots(1, doctor__department=schedule.department)
    place = schedule.slots.get(number=2)
    before = everything()

    with pytest.raises(DomainError) as refused:
        move(visit, target.uid, alice, slot_uid=place.uid)

    assert refused.value.code == "slot_taken"
    assert everything() == before


def test_a_full_target_leaves_the_old_place(alice, schedule):
    visit = book(alice, schedule)
    target = schedule_with_slots(1, doctor__department=schedule.department)
    book(member_with_patient(), target)
    before = everything()

    with pytest.raises(DomainError) as refused:
        move(visit, target.uid, alice)

    assert refused.value.code == "sold_out"
    assert everything() == before


def test_a_stranger_can_do_nothing_with_somebody_elses_visit(alice, schedule):
    visit, bo = book(alice, schedule), member_with_patient()
    target = schedule_with_slots(1, doctor__department=schedule.department)
    before = everything()

    with pytest.raises(Missing):
        cancel_appointment(appointment_uid=visit.uid, by=bo.user, now=clock.now())
    with pytest.raises(Missing):
        move(visit, target.uid, bo)
    with pytest.raises(NotYourPatient):
        book(bo, target, patient=visit.patient)
    with pytest.raises(Missing):
        accept_offer(offer_uid=uuid4(), by=bo.user, now=clock.now())
    assert everything() == before


def test_what_fails_last_leaves_nothing(alice, schedule, monkeypatch):
    visit = book(alice, schedule)
    target = schedule_with_slots(1, doctor__department=schedule.department)
    before = everything()

    def fail(**asked):
        raise OfferExpired(expired_at=clock.now() + timedelta(0), zone="Asia/Shanghai")

    monkeypatch.setattr("appointments.services.rescheduling.reprice", fail)
    with pytest.raises(OfferExpired):
        move(visit, target.uid, alice)

    assert everything() == before
