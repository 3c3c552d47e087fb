"""Where does a place go that is given back when nobody sits there any more?"""

from datetime import timedelta

import pytest

from appointments.errors import CalledOff
from appointments.services.calling_off import call_off_schedules
from appointments.services.cancelling import cancel_appointment
from appointments.services.visits import check_in, finish_visit, start_visit, undo_start
from medbook import clock
from scheduling.choices import LeaveState, SlotState
from scheduling.services.rosters import change_schedule
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


def test_a_consultation_that_a_called_off_session_still_has_is_not_put_back_into_waiting():
    schedule, desk = schedule_with_slots(2), UserFactory(is_staff=True, is_superuser=True)
    visit = book(member_with_patient(), schedule)
    at_desk = {"appointment_uid": visit.uid, "by": desk, "now": schedule.starts_at}
    check_in(**at_desk)
    start_visit(**at_desk)
    call_off_schedules(schedule_uids=[schedule.uid], reason="Ill", by=desk, now=schedule.starts_at)

    with pytest.raises(CalledOff):
        undo_start(**at_desk)

    finish_visit(**at_desk)
    assert set(schedule.slots.values_list("state", flat=True)) == {SlotState.BLOCKED}


@pytest.mark.breaks("nobody_is_expected_while_the_doctor_is_away")
def test_a_session_that_grows_opens_no_place_inside_a_leave():
    schedule, staff = schedule_with_slots(9), UserFactory(is_staff=True)
    LeaveFactory(
        doctor=schedule.doctor,
        starts_at=schedule.starts_at,
        ends_at=schedule.starts_at + timedelta(hours=1),
    )

    change_schedule(
        schedule_uid=schedule.uid,
        version=schedule.version,
        max_appointments=12,
        by=staff,
        now=clock.now(),
    )

    new = schedule.slots.filter(number__gt=9).order_by("number")
    assert list(new.values_list("state", flat=True)) == ["blocked", "free", "free"]
