"""When many use the last points at once, does one get them?"""

from functools import partial

import pytest
from django.db import transaction

from appointments.services.cancelling import cancel_appointment
from appointments.services.points import give_points_back
from medbook import clock
from medbook.locks import retry_on_conflict
from members.selectors.points import balance
from members.services.points import (
    adjust_points,
    earn_points,
    expire_points,
    lock_member,
    spend_points,
)
from tests.appointments.booking import book, hold
from tests.factories import UserFactory, member_with_patient, schedule_with_slots
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)


@retry_on_conflict
@transaction.atomic(durable=True)
def use(member, points, reference):
    locked = lock_member(member.uid)
    spend_points(member=locked, points=points, reference=reference, by=member.user, now=clock.now())


def member_with_points(points):
    alice = member_with_patient()
    with transaction.atomic():
        earn_points(member=alice, points=points, reference=f"before:{alice.pk}", now=clock.now())
    return alice


@pytest.mark.parametrize("_round", range(3))
def test_16_who_use_the_last_points(_round):
    alice = member_with_points(100)

    outcomes = together(*(partial(use, alice, 100, f"visit:{number}") for number in range(16)))

    assert counted(outcomes) == {"done": 1, "not_enough_points": 15}
    assert balance(alice) == 0


def test_the_same_use_16_times():
    alice = member_with_points(100)

    outcomes = together(*(partial(use, alice, 30, "visit") for _ in range(16)))

    assert counted(outcomes) == {"done": 16}
    assert balance(alice) == 70


def test_without_the_lock_the_numbering_stops_the_second():
    alice = member_with_points(100)

    @transaction.atomic(durable=True)
    def use_unlocked(reference):
        spend_points(member=alice, points=100, reference=reference, by=alice.user, now=clock.now())

    outcomes = counted(together(*(partial(use_unlocked, f"visit:{n}") for n in range(8))))

    assert outcomes["done"] == 1
    assert balance(alice) == 0


def test_two_bookings_share_what_points_there_are():
    alice = member_with_points(1500)
    schedules = [schedule_with_slots(1), schedule_with_slots(1)]
    patients = [alice.links.get().patient] * 2

    outcomes = together(
        *(
            partial(book, alice, schedule, key=str(number), patient=patient, points=1500)
            for number, (schedule, patient) in enumerate(zip(schedules, patients, strict=True))
        )
    )

    answers = counted(outcomes)
    assert answers["done"] == 1
    assert set(answers) <= {"done", "not_enough_points", "patient_busy", "try_later"}
    assert balance(alice) == 0


def test_what_a_visit_gives_back_comes_once():
    alice = member_with_points(500)
    visit = book(alice, schedule_with_slots(1), points=500)
    cancel_appointment(appointment_uid=visit.uid, by=alice.user, now=clock.now())

    together(*(partial(give_points_back, appointment_uid=str(visit.uid)) for _ in range(8)))

    assert balance(alice) == 500


def test_all_kinds_at_once_leave_a_sound_ledger():
    alice, staff = member_with_points(500), UserFactory(is_staff=True)
    visit = book(alice, schedule_with_slots(1), points=200)
    cancel_appointment(appointment_uid=visit.uid, by=alice.user, now=clock.now())
    hold(alice, schedule_with_slots(1), key="other")
    adjust = partial(adjust_points, member_uid=alice.uid, reason="Sorry", by=staff, now=clock.now())

    outcomes = together(
        partial(give_points_back, appointment_uid=str(visit.uid)),
        *(partial(adjust, points=10, key=str(number)) for number in range(4)),
        *(partial(use, alice, 10, f"visit:{number}") for number in range(4)),
        partial(expire_points, now=clock.now()),
    )

    assert counted(outcomes) == {"done": 10}
    assert balance(alice) == 500
