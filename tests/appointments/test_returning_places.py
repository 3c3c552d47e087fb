"""Where does a place go that is given back when nobody sits there any more?"""

from datetime import timedelta

import pytest

from appointments.services.calling_off import call_off_schedules
from appointments.services.cancelling import cancel_appointment
from appointments.services.visits import check_in, start_visit, undo_check_in, undo_start
from medbook import clock
from scheduling.choices import LeaveState, SlotState
from tests.appointments.booking import book
from tests.factories import LeaveFactory, UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db


def cancel(visit):
    cancel_appointment(appointment_uid=visit.uid, by=visit.member.user, now=clock.now())


@pytest.mark.breaks("nobody_is_expected_while_the_doctor_is_away")
@pytest.mark.parametrize(
    ("state", "minutes", "place"),
    [
        (LeaveState.CONFIRMED, 0, SlotState.BLOCKED),
        (LeaveState.DONE, 0, SlotState.BLOCKED),
        (LeaveState.DRAFT, 0, SlotState.FREE),
        (LeaveState.WITHDRAWN, 0, SlotState.FREE),
        (LeaveState.DONE, 19, SlotState.BLOCKED),
        (LeaveState.DONE, 20, SlotState.FREE),
    ],
)
def test_a_place_inside_a_leave_is_not_sold_again(state, minutes, place):
    schedule = schedule_with_slots(9)
    visit = book(member_with_patient(), schedule)
    begins = visit.starts_at + timedelta(minutes=minutes)
    LeaveFactory(doctor=schedule.doctor, starts_at=begins, state=state)

    cancel(visit)

    assert schedule.slots.get(number=1).state == place


def test_a_visit_begun_by_mistake_and_then_cancelled_frees_nothing_of_a_called_off_session():
    schedule, desk = schedule_with_slots(2), UserFactory(is_staff=True, is_superuser=True)
    visit = book(member_with_patient(), schedule)
    at_desk = {"appointment_uid": visit.uid, "by": desk, "now": schedule.starts_at}
    check_in(**at_desk)
    start_visit(**at_desk)
    call_off_schedules(schedule_uids=[schedule.uid], reason="Ill", by=desk, now=schedule.starts_at)

    undo_start(**at_desk)
    undo_check_in(**at_desk)
    cancel_appointment(**at_desk)

    assert set(schedule.slots.values_list("state", flat=True)) == {SlotState.BLOCKED}
