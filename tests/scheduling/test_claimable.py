"""Do the query for claimable places and the question to one place always agree?"""

from datetime import timedelta
from itertools import product

import pytest

from medbook import clock
from scheduling.choices import SlotState
from scheduling.models import Slot
from scheduling.rules.sessions import DESK_RANK, Booker
from tests.factories import schedule_with_slots

pytestmark = pytest.mark.django_db

BOOKERS = [Booker(), Booker(rank=2), Booker(rank=3), Booker(rank=0, is_desk=True)]
HOUR = timedelta(hours=1)


def test_query_and_question_agree_on_every_branch():
    place = schedule_with_slots(1).slots.get()
    begins = place.starts_at
    asked_at = (begins - HOUR, begins)
    for state, returns_at, rank, until in product(
        (SlotState.FREE, SlotState.BLOCKED),
        (None, begins - HOUR, begins - HOUR / 2),
        (None, 2, DESK_RANK),
        (begins - HOUR, begins - HOUR / 2),
    ):
        place.state = state
        place.returns_at = returns_at if state == SlotState.FREE else None
        place.reserved_rank, place.reserved_until = rank, until if rank is not None else None
        place.save()
        for booker, now in product(BOOKERS, asked_at):
            answer = place.is_open_to(booker, now)
            assert Slot.objects.open_to(booker, now).exists() is answer, (vars(place), booker, now)


@pytest.mark.parametrize(
    ("booker", "is_open"),
    [
        (Booker(), False),
        (Booker(rank=1), False),
        (Booker(rank=2), True),
        (Booker(rank=3), True),
        (Booker(rank=1, is_desk=True), False),
    ],
)
def test_a_place_kept_for_a_tier_is_for_that_tier_and_those_above(booker, is_open):
    now = clock.now()
    schedule = schedule_with_slots(1)
    schedule.slots.update(reserved_rank=2, reserved_until=now + HOUR)

    assert schedule.slots.get().is_open_to(booker, now) is is_open
    assert schedule.slots.get().is_open_to(booker, now + HOUR)  # it has fallen to all


def test_a_place_kept_for_the_desk_is_for_the_desk_alone():
    now = clock.now()
    schedule = schedule_with_slots(1)
    schedule.slots.update(reserved_rank=DESK_RANK, reserved_until=now + HOUR)
    place = schedule.slots.get()

    assert place.is_open_to(Booker(is_desk=True), now)
    assert not place.is_open_to(Booker(rank=3), now)
