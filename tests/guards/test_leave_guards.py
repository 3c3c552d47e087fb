"""Each guard of a leave, taken away: does the harm happen that it stands against?"""

import pytest

from appointments.services import calling_off, leave, replacing
from medbook import clock
from medbook.jobs.services import run_due_jobs
from medbook.outbox.services import dispatch_due_messages
from scheduling.models import Leave, Slot
from scheduling.services import rosters
from tests.appointments.booking import book
from tests.appointments.leaves import colleague_session, confirm, confirmed, drafted
from tests.factories import ScheduleFactory, UserFactory, member_with_patient, schedule_with_slots
from tests.guards.taking_away import without_constraint

pytestmark = pytest.mark.django_db(transaction=True)


def test_without_the_look_at_leaves_a_session_is_published_into_one(monkeypatch):
    draft = ScheduleFactory(state="draft")
    confirmed(draft)
    monkeypatch.setattr(rosters, "require_no_leave", lambda schedule: None)

    rosters.publish_schedule(schedule_uid=draft.uid, by=UserFactory(), now=clock.now())

    assert Slot.objects.filter(schedule=draft, state="free").exists()
    Slot.objects.update(state="blocked")


def test_without_closing_the_sale_somebody_books_into_a_confirmed_leave(monkeypatch):
    session = schedule_with_slots(1)
    with monkeypatch.context() as patch:
        patch.setattr(leave, "close_sale", lambda *args, **kwargs: None)
        confirm(drafted(session))

    assert book(member_with_patient(), session).state == "booked"
    run_due_jobs(now=clock.now())


def test_without_the_look_back_a_member_is_given_places_twice(monkeypatch):
    session = schedule_with_slots(1)
    visit = book(member_with_patient(), session)
    colleague_session(session, 9)
    confirmed(session)
    monkeypatch.setattr(replacing, "is_told", lambda visit: False)

    dispatch_due_messages(now=clock.now())

    assert visit.offers.count() > 3


def test_without_the_check_and_the_constraint_a_doctor_is_away_twice_at_once(monkeypatch):
    session = schedule_with_slots(1)
    first, second = drafted(session), drafted(session)
    confirm(first)
    monkeypatch.setattr(leave, "_require_possible", lambda leave, now: None)

    with without_constraint(Leave, "one_leave_at_a_time"):
        confirm(second)
        assert Leave.objects.standing().count() == 2
        Leave.objects.filter(pk=second.pk).update(state="withdrawn")


def test_without_blocking_a_place_in_a_leave_stays_on_sale(monkeypatch):
    session = schedule_with_slots(2)
    with monkeypatch.context() as patch:
        patch.setattr(calling_off, "block_slots", lambda slots: None)
        confirm(drafted(session, until=session.slots.get(number=1).ends_at))

    assert book(member_with_patient(), session).slot.number == 1
    run_due_jobs(now=clock.now())
