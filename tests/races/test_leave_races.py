"""What happens when a leave is confirmed while others book, publish or answer?"""

from functools import partial

import pytest

from appointments.choices import AppointmentState, OfferState
from appointments.models import Appointment, Offer
from appointments.services.offer_answers import accept_offer, expire_lapsed_offers
from medbook import clock
from medbook.jobs.services import run_due_jobs
from scheduling.choices import ScheduleState, SlotState
from scheduling.models import Leave, Schedule, Slot
from scheduling.services.rosters import publish_schedule
from tests.appointments.booking import book
from tests.appointments.leaves import colleague_session, confirm, confirmed, drafted
from tests.factories import ScheduleFactory, UserFactory, member_with_patient, schedule_with_slots
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)


def test_booking_against_confirming_a_leave_leaves_nobody_expected():
    session = schedule_with_slots(6)
    leave = drafted(session)

    together(
        partial(confirm, leave),
        *(partial(book, member_with_patient(), session) for _ in range(6)),
    )
    run_due_jobs(now=clock.now())

    assert not Appointment.objects.live().exists()
    assert set(Slot.objects.values_list("state", flat=True)) == {SlotState.BLOCKED}


def test_publishing_against_confirming_a_leave_never_sells_inside_it():
    draft = ScheduleFactory(state=ScheduleState.DRAFT)
    leave = drafted(draft)
    publish = partial(publish_schedule, schedule_uid=draft.uid, by=UserFactory(), now=clock.now())

    outcomes = together(partial(confirm, leave), publish)
    assert counted(outcomes[:1]) == {"done": 1}
    run_due_jobs(now=clock.now())

    assert Schedule.objects.get().state in (ScheduleState.DRAFT, ScheduleState.CALLED_OFF)
    assert not Slot.objects.exclude(state=SlotState.BLOCKED).exists()


def test_two_leaves_at_once_are_one():
    session = schedule_with_slots(1)

    outcomes = together(*(partial(confirm, drafted(session)) for _ in range(4)))

    assert counted(outcomes) == {"done": 1, "leave_overlaps": 3}
    assert Leave.objects.standing().count() == 1


def test_two_visits_never_get_the_same_place():
    sessions = [schedule_with_slots(1)]
    sessions.append(colleague_session(sessions[0], 1))
    for session in sessions:
        book(member_with_patient(), session)
    colleague_session(sessions[0], 4)

    together(*(partial(confirmed, session) for session in sessions))
    run_due_jobs(now=clock.now())

    kept = list(Offer.objects.open().values_list("slot", flat=True))
    assert kept
    assert len(kept) == len(set(kept))


def test_accepting_against_the_end_of_the_two_hours_has_one_winner():
    session = schedule_with_slots(1)
    member = member_with_patient()
    visit = book(member, session)
    colleague_session(session, 1)
    confirmed(session)
    offer = visit.offers.get()
    late, in_time = offer.expires_at, offer.created_at

    together(
        partial(accept_offer, offer_uid=offer.uid, by=member.user, now=in_time),
        partial(expire_lapsed_offers, now=late),
    )

    offer.refresh_from_db()
    held = Appointment.objects.filter(slot=offer.slot, state=AppointmentState.HELD)
    assert (offer.state == OfferState.ACCEPTED) == held.exists()
