"""Does the desk book for callers and take in who comes, with its own places and rules?"""

from datetime import timedelta
from uuid import uuid4

import pytest

from appointments.choices import AppointmentState, Source
from appointments.errors import (
    AlreadyBookedDoctorDay,
    CalledOff,
    ConsentMissing,
    InThePast,
    NotOpenYet,
    NotYourPatient,
    OutsideCheckInWindow,
    SaleOver,
    TooManyOpen,
)
from appointments.models import Appointment
from appointments.services.desk import book_for_member, take_walk_in
from billing.choices import InvoiceState
from billing.selectors import invoice_of
from medbook import clock
from medbook.audit.models import OperationLog
from medbook.outbox.services import dispatch_due_messages
from members.choices import ConsentState, Relation
from members.models import Notification, Suspension
from scheduling.choices import SlotState
from scheduling.errors import SoldOut
from scheduling.rules.sessions import DESK_RANK
from tests.appointments.booking import book, call_off, fill
from tests.factories import (
    FamilyLinkFactory,
    PatientFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def desk():
    return UserFactory(is_staff=True)


@pytest.fixture
def alice():
    return member_with_patient()


def book_at_desk(desk, member, schedule, *, key="", patient=None, now=None, **chosen):
    return book_for_member(
        member=member,
        patient=patient or member.links.get().patient,
        schedule_uid=schedule.uid,
        idempotency_key=key or str(uuid4()),
        by=desk,
        now=now or clock.now(),
        **chosen,
    ).appointment


def walk_in(desk, member, schedule, *, key="key", may_add_place=False, now=None):
    return take_walk_in(
        member=member,
        patient=member.links.get().patient,
        schedule_uid=schedule.uid,
        may_add_place=may_add_place,
        idempotency_key=key,
        by=desk,
        now=now or schedule.starts_at,
    ).appointment


def keep_for_desk(schedule, *numbers):
    schedule.slots.filter(number__in=numbers).update(
        reserved_rank=DESK_RANK, reserved_until=schedule.ends_at
    )


def unreleased(**fields):
    schedule = schedule_with_slots(2, **fields)
    schedule.release_at = clock.now() + HOUR
    schedule.save(update_fields=["release_at"])
    return schedule


def test_a_caller_has_a_booked_visit_and_is_told(desk, alice):
    schedule = schedule_with_slots(2)

    visit = book_at_desk(desk, alice, schedule, reason="A cough")
    dispatch_due_messages(now=clock.now())

    assert (visit.state, visit.source) == (AppointmentState.BOOKED, Source.DESK)
    assert visit.reason.reveal() == "A cough"
    assert invoice_of(f"appointment:{visit.uid}").state == InvoiceState.OPEN
    assert Notification.objects.get(member=alice).kind == "appointment_booked"
    logged = OperationLog.objects.get(action="appointment.booked")
    assert logged.actor_uid == desk.uid


def test_the_same_key_books_once(desk, alice):
    schedule = schedule_with_slots(2)

    first, again = [book_at_desk(desk, alice, schedule, key="one") for _ in range(2)]

    assert first == again
    assert Appointment.objects.count() == 1


def test_neither_a_document_nor_the_end_of_a_pause_is_asked_for(desk, alice):
    link = alice.links.get()
    nameless = PatientFactory(identity_kind="", identity_number=None, state="unverified")
    link.patient = nameless
    link.save()
    now = clock.now()
    for who in ({"member": alice}, {"patient": nameless}):
        Suspension.objects.create(starts_at=now, ends_at=now + HOUR, reason="missed", **who)

    assert book_at_desk(desk, alice, schedule_with_slots(1)).patient == nameless


def test_what_concerns_the_patient_holds_at_the_desk_too(desk, alice):
    schedule = schedule_with_slots(4)
    stranger = PatientFactory()
    with pytest.raises(NotYourPatient):
        book_at_desk(desk, alice, schedule, patient=stranger)
    link = FamilyLinkFactory(
        member=alice, patient=stranger, relation=Relation.OTHER, consent=ConsentState.WITHDRAWN
    )
    with pytest.raises(ConsentMissing):
        book_at_desk(desk, alice, schedule, patient=link.patient)

    link.delete()
    book_at_desk(desk, alice, schedule)
    with pytest.raises(AlreadyBookedDoctorDay):
        book_at_desk(desk, alice, schedule)
    day = schedule.service_date
    book_at_desk(desk, alice, schedule_with_slots(1, service_date=day, starts_at=schedule.ends_at))
    third = schedule_with_slots(1, service_date=day, starts_at=schedule.ends_at + 4 * HOUR)
    with pytest.raises(TooManyOpen):
        book_at_desk(desk, alice, third)


def test_a_closed_account_books_nothing(desk, alice):
    alice.user.is_active = False
    alice.user.save()

    with pytest.raises(NotYourPatient):
        book_at_desk(desk, alice, schedule_with_slots(1))


def test_before_the_release_the_desk_gives_only_what_is_kept_for_it(desk, alice):
    schedule = unreleased()
    with pytest.raises(NotOpenYet):
        book_at_desk(desk, alice, schedule)
    keep_for_desk(schedule, 2)

    visit = book_at_desk(desk, alice, schedule)

    assert visit.slot.number == 2
    with pytest.raises(NotOpenYet):
        book_at_desk(desk, member_with_patient(), schedule, key="second")


def test_members_never_get_what_is_kept_for_the_desk(desk, alice):
    schedule = schedule_with_slots(1)
    keep_for_desk(schedule, 1)

    with pytest.raises(SoldOut):
        book(member_with_patient(), schedule)
    assert book_at_desk(desk, alice, schedule).slot.number == 1


def test_the_desk_sells_after_the_sale_has_stopped_until_the_start(desk, alice):
    schedule = schedule_with_slots(2)
    after_the_stop = schedule.sale_stops_at + HOUR
    visit = book_at_desk(desk, alice, schedule, now=after_the_stop)
    assert visit.state == AppointmentState.BOOKED

    bo = member_with_patient()
    with pytest.raises(InThePast):
        book_at_desk(desk, bo, schedule, starts_at=schedule.starts_at, now=schedule.starts_at)
    with pytest.raises(SaleOver):
        book_at_desk(desk, bo, schedule, now=schedule.ends_at)
    call_off(schedule)
    with pytest.raises(CalledOff):
        book_at_desk(desk, bo, schedule)


def test_who_comes_without_an_appointment_is_there_at_once(desk, alice):
    schedule = schedule_with_slots(3)
    keep_for_desk(schedule, 3)

    visit = walk_in(desk, alice, schedule)
    dispatch_due_messages(now=clock.now())

    assert (visit.state, visit.source) == (AppointmentState.ARRIVED, Source.WALK_IN)
    assert visit.slot.number == 3  # the desk's own place before any other
    assert visit.arrived_at == schedule.starts_at
    assert not Notification.objects.filter(member=alice).exists()
    assert walk_in(desk, alice, schedule) == visit  # the form was sent twice
    second = walk_in(desk, member_with_patient(), schedule, key="second")
    assert second.slot.number == 2  # the first has begun


def test_a_full_session_gets_one_place_more_by_those_who_may(desk, alice):
    schedule = schedule_with_slots(1)
    fill(schedule)
    with pytest.raises(SoldOut):
        walk_in(desk, alice, schedule)

    visit = walk_in(desk, alice, schedule, may_add_place=True, now=schedule.starts_at + HOUR)

    schedule.refresh_from_db()
    assert schedule.max_appointments == 2
    assert (visit.slot.number, visit.slot.state) == (2, SlotState.TAKEN)
    assert visit.starts_at == schedule.starts_at + HOUR
    logged = OperationLog.objects.get(action="schedule.changed")
    assert (logged.reason, logged.actor_uid) == ("extra_place", desk.uid)


def test_an_extra_place_ends_with_the_session(desk, alice):
    schedule = schedule_with_slots(1)
    fill(schedule)
    late = schedule.ends_at - timedelta(minutes=5)

    visit = walk_in(desk, alice, schedule, may_add_place=True, now=late)

    assert (visit.starts_at, visit.ends_at) == (late, schedule.ends_at)


def test_nobody_walks_into_another_day_or_a_session_that_is_over(desk, alice):
    schedule = schedule_with_slots(1)

    with pytest.raises(OutsideCheckInWindow):
        walk_in(desk, alice, schedule, now=schedule.starts_at - timedelta(days=1))
    with pytest.raises(SaleOver):
        walk_in(desk, alice, schedule, may_add_place=True, now=schedule.ends_at)
