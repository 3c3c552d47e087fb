"""Each guard of moving a visit, taken away: does the harm happen that it stands against?"""

from datetime import timedelta
from functools import partial
from threading import Event

import pytest
from django.db import IntegrityError

from appointments.models import Appointment
from appointments.services import access, cancelling, rescheduling
from appointments.services.cancelling import cancel_appointment
from medbook import clock
from medbook.locks import Rung, lock
from reports.selectors import broken_invariants
from scheduling.services.slots import lock_slots
from tests.appointments.booking import book, pay, reschedule
from tests.factories import DoctorFactory, member_with_patient, schedule_with_slots
from tests.guards.taking_away import without_trigger
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)


def two_sessions():
    doctor = DoctorFactory()
    one = schedule_with_slots(1, doctor=doctor)
    next_day = one.service_date + timedelta(days=1)
    return one, schedule_with_slots(1, doctor=doctor, service_date=next_day)


def cancel_while_it_moves(monkeypatch, locked):
    """Let somebody read where a visit is, then let it move, then cancel it where it was."""
    one, other = two_sessions()
    visit = book(member_with_patient(), one)
    has_read, has_moved = Event(), Event()

    def lock_after_the_move(found):
        known = access._slot_id(found)
        has_read.set()
        has_moved.wait(10)
        return locked(found, known)

    monkeypatch.setattr(cancelling, "lock_with_place", lock_after_the_move)

    def move():
        has_read.wait(10)
        try:
            return reschedule(visit, other)
        finally:
            has_moved.set()

    cancel = partial(
        cancel_appointment, appointment_uid=visit.uid, by=visit.member.user, now=clock.now()
    )
    outcomes = together(cancel, move)
    return one, other, outcomes


def test_cancelling_frees_the_place_to_which_a_visit_has_just_moved(monkeypatch):
    one, other, outcomes = cancel_while_it_moves(
        monkeypatch, lambda found, known: access.lock_with_place(found)
    )

    assert counted(outcomes) == {"done": 2}
    assert (one.slots.get().state, other.slots.get().state) == ("free", "free")


def test_without_looking_again_it_frees_the_place_where_the_visit_was(monkeypatch):
    def as_it_was(found, known):
        [slot] = lock_slots([known])
        return lock(found, Rung.APPOINTMENT).get(), slot

    trigger = "slot_is_taken_by_its_live_appointment"
    with (
        without_trigger("scheduling_slot", trigger),
        without_trigger("appointments_appointment", trigger),
    ):
        _one, other, _outcomes = cancel_while_it_moves(monkeypatch, as_it_was)

        assert other.slots.get().state == "taken"
        assert not Appointment.objects.live().exists()


def test_the_trigger_refuses_to_leave_the_old_place_taken(monkeypatch):
    one, other = two_sessions()
    visit = book(member_with_patient(), one)
    monkeypatch.setattr(rescheduling, "return_places", lambda slots, now: None)

    with pytest.raises(IntegrityError):
        reschedule(visit, other)

    visit.refresh_from_db()
    assert visit.slot.schedule == one


def test_without_settling_the_price_money_and_price_part(monkeypatch):
    one, _other = two_sessions()
    dear = schedule_with_slots(
        1, doctor=one.doctor, fee=200, service_date=one.service_date + timedelta(days=2)
    )
    visit = book(member_with_patient(), one)
    pay(visit)
    monkeypatch.setattr(rescheduling, "reprice", lambda **asked: None)

    moved = reschedule(visit, dear)

    broken = broken_invariants(now=clock.now(), workers_run=False)
    assert broken == {"an_agreed_appointment_has_its_invoice": [f"appointment {moved.uid}"]}
    Appointment.objects.update(fee=180, price=180)
