"""Each guard, taken away: does the harm happen that it stands against?

A guard that could go with all tests green would be useless or untested.
"""

from functools import partial
from threading import Barrier, Event, current_thread, main_thread
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from appointments.choices import AppointmentState
from appointments.models import Appointment
from appointments.services import booking, limits
from appointments.services.booking import confirm_appointment
from appointments.services.calling_off import call_off_schedules
from appointments.services.holds import expire_lapsed_holds
from medbook import clock
from scheduling.choices import SlotState
from scheduling.models import Slot
from scheduling.services import slots
from tests.appointments.booking import book, hold
from tests.factories import (
    FamilyLinkFactory,
    PatientFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)
from tests.guards.taking_away import without_constraint, without_trigger
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def unlocked_claim(monkeypatch):
    """Let two bookers see the same free place, as they would without the row lock."""
    both_have_looked = Barrier(2)
    lock = slots.lock

    def look(rows, rung, skip_locked=False):
        if not skip_locked:
            return lock(rows, rung)
        found = rows.first()
        both_have_looked.wait(10)
        return SimpleNamespace(first=lambda: found)

    monkeypatch.setattr(slots, "lock", look)


def two_for_one_place():
    schedule = schedule_with_slots(1)
    bookers = [member_with_patient(), member_with_patient()]
    return together(*(partial(book, alice, schedule) for alice in bookers))


def test_without_row_lock_the_index_alone_keeps_a_place_from_being_sold_twice(unlocked_claim):
    assert counted(two_for_one_place())["done"] == 1


def test_without_the_index_the_row_lock_alone_keeps_a_place_from_being_sold_twice():
    with without_constraint(Appointment, "one_live_appointment_per_slot"):
        assert counted(two_for_one_place())["done"] == 1


def test_without_both_a_place_is_sold_twice(unlocked_claim):
    with without_constraint(Appointment, "one_live_appointment_per_slot"):
        assert counted(two_for_one_place()) == {"done": 2}


@pytest.fixture
def unlocked_patient(monkeypatch):
    """Let two members count a patient's visits before either has booked."""
    both_have_counted = Barrier(2)
    count = limits.require_within_limits

    def count_together(**asked):
        count(**asked)
        if current_thread() is not main_thread():
            both_have_counted.wait(10)

    monkeypatch.setattr(booking, "lock_booker", lambda member, patient: (member, patient))
    monkeypatch.setattr(booking, "require_within_limits", count_together)


def two_parents_book(first_place, second_place):
    child = PatientFactory()
    mother, father = (FamilyLinkFactory(patient=child, relation="child").member for _ in "mf")
    first, second = schedule_with_slots(9), schedule_with_slots(9)
    book(mother, schedule_with_slots(9), key="earlier")
    return together(
        partial(book, mother, first, starts_at=first.slots.get(number=first_place).starts_at),
        partial(book, father, second, starts_at=second.slots.get(number=second_place).starts_at),
    )


def test_with_the_patient_lock_two_parents_stay_within_the_limit_of_a_day():
    assert counted(two_parents_book(2, 3)) == {"done": 1, "too_many_open": 1}


def test_without_the_patient_lock_they_exceed_it(unlocked_patient):
    assert counted(two_parents_book(2, 3)) == {"done": 2}


def test_without_the_patient_lock_the_exclusion_still_keeps_one_from_two_places(unlocked_patient):
    # Two inserts that exclude each other may deadlock; the retry then meets the limit of the day.
    answers = counted(two_parents_book(2, 2))

    assert answers in ({"done": 1, "patient_busy": 1}, {"done": 1, "too_many_open": 1})


def test_without_the_exclusion_too_a_patient_is_in_two_places_at_once(unlocked_patient):
    with without_constraint(Appointment, "one_patient_one_place_at_a_time"):
        assert counted(two_parents_book(2, 2)) == {"done": 2}


def call_off_while_somebody_books(monkeypatch):
    """Let a booker claim a place, then call off, then let the booker finish."""
    schedule, staff = schedule_with_slots(1), UserFactory(is_staff=True)
    claimed, called_off = Event(), Event()
    claim = booking.claim_slot

    def claim_and_linger(**wish):
        slot = claim(**wish)
        claimed.set()
        called_off.wait(1)
        return slot

    monkeypatch.setattr(booking, "claim_slot", claim_and_linger)

    def call_off():
        claimed.wait(10)
        try:
            call_off_schedules(
                schedule_uids=[schedule.uid], reason="Ill", by=staff, now=clock.now()
            )
        finally:
            called_off.set()

    return together(partial(book, member_with_patient(), schedule), call_off)


def test_calling_off_waits_for_who_is_booking(monkeypatch):
    call_off_while_somebody_books(monkeypatch)

    assert not Appointment.objects.live().exists()


def test_without_slot_locks_calling_off_misses_who_is_booking(monkeypatch):
    monkeypatch.setattr(
        "appointments.services.calling_off.lock_slots",
        lambda ids: list(Slot.objects.filter(id__in=list(ids))),
    )
    monkeypatch.setattr("appointments.services.calling_off.block_slots", lambda slots: None)

    call_off_while_somebody_books(monkeypatch)

    assert Appointment.objects.live().filter(slot__schedule__state="called_off").exists()


def test_expiry_looks_again_under_the_lock(monkeypatch):
    """Without the second look a booking that was just confirmed would expire."""
    appointment = hold(member_with_patient(), schedule_with_slots(1))
    later = appointment.hold_expires_at
    due = list(Appointment.objects.lapsed(later).values_list("slot_id", flat=True))
    confirm_appointment(
        appointment_uid=appointment.uid,
        way_to_pay="desk",
        by=appointment.member.user,
        now=clock.now(),
    )
    monkeypatch.setattr(
        "appointments.models.AppointmentQuerySet.lapsed",
        lambda rows, now: SimpleNamespace(
            order_by=lambda *fields: SimpleNamespace(values_list=lambda *a, **k: due)
        ),
    )

    assert expire_lapsed_holds(now=later) == 0

    appointment.refresh_from_db()
    assert appointment.state == AppointmentState.BOOKED


def test_the_deferred_trigger_refuses_a_taken_place_without_appointment():
    schedule = schedule_with_slots(1)

    with pytest.raises(IntegrityError), transaction.atomic():
        schedule.slots.update(state=SlotState.TAKEN)


def test_without_the_deferred_trigger_place_and_appointment_part_unseen():
    schedule = schedule_with_slots(1)

    with without_trigger("scheduling_slot", "slot_is_taken_by_its_live_appointment"):
        schedule.slots.update(state=SlotState.TAKEN)
        assert schedule.slots.get().state == SlotState.TAKEN
        schedule.slots.update(state=SlotState.FREE)


def test_without_one_unconfirmed_hold_per_member_many_taps_hoard_places(monkeypatch):
    monkeypatch.setattr(booking, "end_old_holds", lambda **asked: None)
    alice = member_with_patient()
    child = FamilyLinkFactory(member=alice, relation="child").patient
    hold(alice, schedule_with_slots(1), key="1")
    second = partial(hold, alice, schedule_with_slots(1), patient=child)

    assert counted(together(partial(second, key="2"))) == {"too_many_open": 1}
    with without_constraint(Appointment, "one_unconfirmed_hold_per_member"):
        second(key="3")
        assert Appointment.objects.held().filter(member=alice).count() == 2


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_operationlog SET reason = 'changed'",
        "DELETE FROM audit_operationlog",
    ],
)
def test_the_operation_log_refuses_change_and_without_its_trigger_would_not(sql):
    book(member_with_patient(), schedule_with_slots(1))

    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(sql)
    with (
        without_trigger("audit_operationlog", "operation_log_is_append_only", mode="ALWAYS"),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
        assert cursor.rowcount > 0
