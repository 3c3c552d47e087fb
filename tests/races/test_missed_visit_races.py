"""When somebody arrives, or a mistake is undone, just as the sweep passes: is one outcome left?"""

from datetime import timedelta
from functools import partial

import pytest

from appointments.choices import AppointmentState
from appointments.models import Appointment
from appointments.services.desk import take_walk_in
from appointments.services.missing import note_missed_visits, undo_no_show
from appointments.services.visits import check_in
from billing.models import Invoice
from medbook import clock
from medbook.outbox.services import dispatch_due_messages
from members.models import Strike
from scheduling.choices import SlotState
from tests.appointments.booking import book, call_off, fill
from tests.factories import UserFactory, member_with_patient, schedule_with_slots
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 3


def settled(visit):
    """Let the news leave; tell state, place and live invoices."""
    dispatch_due_messages(now=clock.now())
    visit = Appointment.objects.select_related("slot").get(pk=visit.pk)
    invoices = Invoice.objects.live().filter(subject=f"appointment:{visit.uid}").count()
    return visit.state, visit.slot.state, invoices, Strike.objects.counting(visit.created_at)


def test_a_check_in_and_the_sweep_leave_one_of_both():
    desk = UserFactory(is_staff=True)
    for _round in range(ROUNDS):
        visit = book(member_with_patient(), schedule_with_slots(1))
        now = visit.slot.schedule.ends_at + timedelta(minutes=15)

        answers = counted(
            together(
                partial(check_in, appointment_uid=visit.uid, by=desk, now=now),
                partial(note_missed_visits, now=now),
            )
        )

        state, place, invoices, strikes = settled(visit)
        has_strike = strikes.filter(reference=f"appointment:{visit.uid}").exists()
        assert set(answers) <= {"done", "wrong_state"}, answers
        assert (state, place, invoices, has_strike) in {
            (AppointmentState.ARRIVED, SlotState.TAKEN, 1, False),
            (AppointmentState.NO_SHOW, SlotState.BLOCKED, 0, True),
        }


def test_two_sweeps_and_an_undoing_leave_no_strike_of_who_is_there():
    desk = UserFactory(is_staff=True)
    for _round in range(ROUNDS):
        visit = book(member_with_patient(), schedule_with_slots(1))
        now = visit.slot.schedule.ends_at + timedelta(minutes=15)
        note_missed_visits(now=now)

        together(
            partial(undo_no_show, appointment_uid=visit.uid, has_come=True, by=desk, now=now),
            partial(note_missed_visits, now=now),
            partial(dispatch_due_messages, now=clock.now()),
        )

        state, place, invoices, strikes = settled(visit)
        assert (state, place, invoices) == (AppointmentState.ARRIVED, SlotState.TAKEN, 1)
        assert not strikes.filter(reference=f"appointment:{visit.uid}").exists()


def test_a_sweep_and_a_call_off_leave_no_strike_of_what_the_clinic_caused():
    for _round in range(ROUNDS):
        visit = book(member_with_patient(), schedule_with_slots(1))
        now = visit.slot.schedule.ends_at + timedelta(minutes=15)

        together(
            partial(call_off, visit.slot.schedule),
            partial(note_missed_visits, now=now),
            partial(dispatch_due_messages, now=clock.now()),
        )

        state, place, invoices, strikes = settled(visit)
        assert (state, place, invoices) == (AppointmentState.CALLED_OFF, SlotState.BLOCKED, 0)
        assert not strikes.filter(reference=f"appointment:{visit.uid}").exists()


def test_walk_ins_at_once_each_get_a_place_of_their_own():
    desk = UserFactory(is_staff=True)
    schedule = schedule_with_slots(1)
    fill(schedule)
    crowd = [member_with_patient() for _ in range(6)]

    answers = counted(
        together(
            *(
                partial(
                    take_walk_in,
                    member=member,
                    patient=member.links.get().patient,
                    schedule_uid=schedule.uid,
                    may_add_place=True,
                    idempotency_key=str(member.uid),
                    by=desk,
                    now=schedule.starts_at,
                )
                for member in crowd
            )
        )
    )

    schedule.refresh_from_db()
    assert answers == {"done": 6}
    assert schedule.max_appointments == 7
    assert Appointment.objects.live().values("slot").distinct().count() == 7
