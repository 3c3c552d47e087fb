"""When a visit moves while others act, does everybody get an answer and nobody a place twice?"""

from datetime import timedelta
from functools import partial

import pytest

from appointments.choices import AppointmentState
from appointments.models import Appointment
from appointments.services.cancelling import cancel_appointment
from appointments.services.visits import check_in
from medbook import clock
from scheduling.choices import SlotState
from scheduling.models import Slot
from tests.appointments.booking import book, reschedule
from tests.factories import DoctorFactory, UserFactory, member_with_patient, schedule_with_slots
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)


def sessions(*counts):
    """Make sessions of one department, each on a day of its own."""
    department = DoctorFactory().department
    first = schedule_with_slots(counts[0], doctor=DoctorFactory(department=department))
    return [first] + [
        schedule_with_slots(
            count,
            doctor=DoctorFactory(department=department),
            service_date=first.service_date + timedelta(days=number),
        )
        for number, count in enumerate(counts[1:], start=1)
    ]


def places_agree():
    taken = set(Slot.objects.filter(state=SlotState.TAKEN).values_list("id", flat=True))
    live = list(Appointment.objects.live().values_list("slot_id", flat=True))
    return len(live) == len(set(live)) and set(live) == taken


@pytest.mark.parametrize("_round", range(3))
def test_two_people_who_want_each_others_place_both_keep_their_own(_round):
    one, other = sessions(1, 1)
    mine, yours = book(member_with_patient(), one), book(member_with_patient(), other)

    outcomes = together(partial(reschedule, mine, other), partial(reschedule, yours, one))

    assert set(counted(outcomes)) <= {"sold_out", "slot_taken"}
    assert places_agree()


@pytest.mark.parametrize("_round", range(3))
def test_many_who_move_to_one_place_leave_one_winner(_round):
    full, target = sessions(6, 1)
    visits = [book(member_with_patient(), full) for _ in range(6)]

    outcomes = together(*(partial(reschedule, visit, target) for visit in visits))

    assert counted(outcomes)["done"] == 1
    assert set(counted(outcomes)) <= {"done", "sold_out", "slot_taken", "try_later"}
    assert Appointment.objects.filter(sequence=1).count() == 1
    assert places_agree()


@pytest.mark.parametrize("_round", range(3))
def test_moving_against_cancelling_frees_exactly_what_is_left(_round):
    one, other = sessions(1, 1)
    visit = book(member_with_patient(), one)
    cancel = partial(
        cancel_appointment, appointment_uid=visit.uid, by=visit.member.user, now=clock.now()
    )

    moved, cancelled = together(partial(reschedule, visit, other), cancel)

    assert cancelled.state == AppointmentState.CANCELLED
    assert counted([moved]) in ({"done": 1}, {"wrong_state": 1})
    assert not Slot.objects.filter(state=SlotState.TAKEN).exists()


def test_moving_while_others_book_what_becomes_free():
    one, other = sessions(3, 3)
    visits = [book(member_with_patient(), one) for _ in range(3)]
    newcomers = [member_with_patient() for _ in range(6)]

    together(
        *(partial(reschedule, visit, other) for visit in visits),
        *(partial(book, alice, one) for alice in newcomers),
    )

    assert Appointment.objects.live().filter(pk__in=[visit.pk for visit in visits]).count() == 3
    assert places_agree()


def test_the_same_wish_many_times_moves_once():
    one, other = sessions(1, 5)
    visit = book(member_with_patient(), one)

    outcomes = together(*(partial(reschedule, visit, other) for _ in range(8)))

    assert set(counted(outcomes)) <= {"done", "in_progress"}
    assert Appointment.objects.get().sequence == 1
    assert places_agree()


def test_moving_against_checking_in_has_one_order():
    one, _other = sessions(2, 1)
    visit = book(member_with_patient(), one)
    later = one.slots.get(number=2).starts_at
    desk = UserFactory(is_staff=True)

    move = partial(reschedule, visit, one, by=desk, starts_at=later)
    arrive = partial(check_in, appointment_uid=visit.uid, by=desk, now=one.starts_at)
    outcomes = together(move, arrive)

    assert counted(outcomes[1:]) == {"done": 1}
    assert Appointment.objects.get().state == AppointmentState.ARRIVED
    assert places_agree()
