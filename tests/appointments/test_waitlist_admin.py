"""What can staff see and do of the waitlist?"""

from datetime import datetime

import pytest
from django.contrib.auth.models import Group

from appointments.models import Offer
from members.choices import Role
from members.services.roles import grant_roles
from tests.appointments.booking import book
from tests.appointments.waiting import cancel, decline, open_offer, wait_for
from tests.factories import UserFactory, member_with_patient, schedule_with_slots

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

NOON = datetime.fromisoformat("2026-12-01T12:00:00+08:00")
PAGE = "/admin/waitlist/"


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def desk(client):
    grant_roles()
    account = UserFactory(is_staff=True)
    account.groups.add(Group.objects.get(name=Role.DESK.value))
    client.force_login(account, "django.contrib.auth.backends.ModelBackend")
    return client


def test_says_who_waits_and_what_is_on_offer(desk):
    assert "Nobody is waiting." in desk.get(PAGE).text
    schedule = schedule_with_slots(1)
    booked = book(member_with_patient(), schedule)
    wish = wait_for(schedule, member_with_patient())
    cancel(booked)

    page = desk.get(PAGE).text

    assert f"{PAGE}{wish.uid}/" in page
    assert "until 12:15" in page


def test_says_why_somebody_is_not_asked(desk):
    schedule = schedule_with_slots(1)
    booked = book(member_with_patient(), schedule)
    wish = wait_for(schedule, alice := member_with_patient())
    cancel(booked)
    decline(open_offer(alice), keep=True)

    assert "Did not take this place when it was offered" in desk.get(f"{PAGE}{wish.uid}/").text


def test_offers_a_free_place_now_once(desk):
    schedule = schedule_with_slots(1)
    wish = wait_for(schedule, alice := member_with_patient())
    address = f"{PAGE}{wish.uid}/{schedule.slots.get().uid}/"
    assert address in desk.get(f"{PAGE}{wish.uid}/").text

    for _ in range(2):
        desk.post(address)

    assert Offer.objects.get() == open_offer(alice)


def test_the_rules_hold_for_staff_too(desk):
    schedule = schedule_with_slots(1)
    wish = wait_for(schedule, alice := member_with_patient())
    book(alice, schedule_with_slots(1))

    answer = desk.post(f"{PAGE}{wish.uid}/{schedule.slots.get().uid}/", follow=True)

    assert "Has another visit at that time" in answer.text
    assert not Offer.objects.exists()
