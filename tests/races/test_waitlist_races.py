"""Can anybody grab a place that is promised to who waits?"""

from functools import partial

import pytest

from appointments.choices import Source
from appointments.models import Appointment, Offer
from appointments.services import returning
from medbook import clock
from tests.appointments.booking import book
from tests.appointments.waiting import accept, cancel, open_offer, wait_for
from tests.factories import member_with_patient, schedule_with_slots
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _at_any_hour(monkeypatch):
    """Ask members at night too: this must hold whenever it is run."""
    monkeypatch.setattr("appointments.rules.waitlist.asked_from", lambda now, *about: now)


def give_back_under_attack(waiting=4, grabbers=4):
    """Free two places for which many wait while others try to book; tell who has them."""
    schedule = schedule_with_slots(2)
    booked = [book(member_with_patient(), schedule) for _ in range(2)]
    for _ in range(waiting):
        wait_for(schedule, member_with_patient())
    grabs = [partial(book, member_with_patient(), schedule) for _ in range(grabbers)]
    outcomes = together(*(partial(cancel, each) for each in booked), *grabs)
    return schedule, counted(outcomes[2:])


def test_places_that_are_given_back_reach_who_waits_and_nobody_else():
    schedule, grabbed = give_back_under_attack()

    assert "done" not in grabbed
    assert Offer.objects.open().filter(slot__schedule=schedule).count() == 2
    assert Offer.objects.values("entry").distinct().count() == 2


def test_freed_first_and_offered_later_they_would_be_grabbed(monkeypatch):
    monkeypatch.setattr(returning, "offer_place", lambda slot, now: False)

    schedule = schedule_with_slots(1)
    booked = book(member_with_patient(), schedule)
    wait_for(schedule, member_with_patient())
    cancel(booked)

    assert book(member_with_patient(), schedule).source == Source.SELF


def test_an_offer_is_accepted_once_however_often_it_is_tapped():
    schedule = schedule_with_slots(1)
    booked = book(member_with_patient(), schedule)
    wait_for(schedule, alice := member_with_patient())
    cancel(booked)
    offer = open_offer(alice)

    answers = together(*[partial(accept, offer, now=clock.now())] * 4)

    assert counted(answers) == {"done": 4}
    assert Appointment.objects.filter(member=alice).count() == 1
