"""Each guard of offers, kept places and missed visits, taken away: does the harm happen?"""

from datetime import timedelta
from functools import partial
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Q

from appointments.choices import AppointmentState
from appointments.models import Appointment, Offer, WaitlistEntry
from appointments.models.appointments import MOVES
from appointments.services import missing, promotion
from appointments.services.cancelling import cancel_appointment
from appointments.services.offers import make_offers
from appointments.services.visits import check_in
from medbook import clock
from scheduling.choices import SlotState
from scheduling.models import schedules
from scheduling.services.slots import lock_slots
from tests.appointments.booking import book
from tests.factories import (
    UserFactory,
    WaitlistEntryFactory,
    member_with_patient,
    schedule_with_slots,
)
from tests.guards.taking_away import without_constraint, without_trigger
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)


def offer(schedule):
    """Offer the first place of a schedule to somebody new who waits for it."""
    with transaction.atomic():
        make_offers(
            slots=lock_slots(schedule.slots.filter(number=1).values_list("id", flat=True)),
            entry=WaitlistEntryFactory(schedule=schedule),
            until=clock.now() + timedelta(minutes=15),
            now=clock.now(),
        )


def test_a_place_is_offered_to_one_at_a_time_and_without_the_index_to_two():
    schedule = schedule_with_slots(1)
    offer(schedule)

    with pytest.raises(IntegrityError, match="one_open_offer_per_slot"):
        offer(schedule)
    with without_constraint(Offer, "one_open_offer_per_slot"):
        offer(schedule)
        assert Offer.objects.open().filter(slot__schedule=schedule).count() == 2


@pytest.mark.parametrize("state", [SlotState.OFFERED, SlotState.FREE])
def test_the_deferred_trigger_refuses_an_offered_place_without_offer_and_the_reverse(state):
    schedule = schedule_with_slots(1)
    if state == SlotState.FREE:
        offer(schedule)

    with pytest.raises(IntegrityError), transaction.atomic():
        schedule.slots.update(state=state)
    with without_trigger("scheduling_slot", "slot_is_taken_by_its_live_appointment"):
        schedule.slots.update(state=state)
        is_open = Offer.objects.open().filter(slot__schedule=schedule).exists()
        assert is_open == (state == SlotState.FREE)


def two_places_come_free():
    """Give two places back at once, for which two wait; tell how that went."""
    schedule = schedule_with_slots(2)
    visits = [book(member_with_patient(), schedule) for _ in range(2)]
    for _ in range(2):
        WaitlistEntryFactory(schedule=schedule)
    by_day = clock.now().astimezone(ZoneInfo(schedule.time_zone)).replace(hour=10)
    return together(
        *(
            partial(cancel_appointment, appointment_uid=v.uid, by=v.member.user, now=by_day)
            for v in visits
        )
    )


@pytest.fixture
def unlocked_wishes(monkeypatch):
    """Let two who give places back see the same wish, as they would without its lock."""
    both_have_looked = Barrier(2)

    def look(wish):
        both_have_looked.wait(10)
        return WaitlistEntry.objects.waiting().get(pk=wish.pk)

    monkeypatch.setattr(promotion, "lock_wish", look)


def test_two_places_go_to_two_who_wait():
    assert counted(two_places_come_free()) == {"done": 2}
    assert Offer.objects.open().values("entry").distinct().count() == 2


def test_without_the_lock_of_the_wish_the_index_alone_keeps_it_from_two_offers(unlocked_wishes):
    assert counted(two_places_come_free()) == {"done": 1, "IntegrityError": 1}


def test_without_both_one_wish_has_two_offers(unlocked_wishes):
    with without_constraint(Offer, "one_open_offer_per_wish"):
        assert counted(two_places_come_free()) == {"done": 2}
        assert Offer.objects.open().values("entry").distinct().count() == 1


KEPT = {
    "reserved": {"reserved_rank": 2, "reserved_until": "2100-01-01T00:00Z"},
    "returns later": {"returns_at": "2100-01-01T00:00Z"},
}


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_a_place_kept_back_is_not_sold_and_without_the_condition_is(kept, monkeypatch):
    schedule = schedule_with_slots(1)
    schedule.slots.update(**kept)
    alice = partial(book, member_with_patient(), schedule)

    assert counted(together(alice)) == {"sold_out": 1}
    monkeypatch.setattr(schedules, "claimable_by", lambda booker, now: Q(starts_at__gt=now))
    assert counted(together(alice)) == {"done": 1}
    schedule.slots.update(reserved_rank=None, reserved_until=None)


def missed_while_checked_in():
    """Let the sweep come to a visit whose patient was checked in after it had looked."""
    desk = UserFactory(is_staff=True)
    schedule = schedule_with_slots(1)
    visit = book(member_with_patient(), schedule)
    check_in(appointment_uid=visit.uid, by=desk, now=schedule.starts_at)
    missing._note_missed(visit.pk, schedule.ends_at + timedelta(minutes=15))
    visit.refresh_from_db()
    return visit.state


def test_the_sweep_looks_again_under_the_lock_whether_somebody_has_come():
    assert missed_while_checked_in() == AppointmentState.ARRIVED


def test_without_the_second_look_and_the_table_of_moves_who_has_come_is_missed(monkeypatch):
    monkeypatch.setattr(missing, "_awaited", Appointment.objects.all)
    monkeypatch.setitem(MOVES, AppointmentState.ARRIVED, (AppointmentState.NO_SHOW,))

    assert missed_while_checked_in() == AppointmentState.NO_SHOW
