"""What happens when a session is finished while others work on it?"""

from datetime import timedelta
from functools import partial

import pytest

from appointments.choices import AppointmentState
from appointments.rules.visits import NO_SHOW_GRACE
from appointments.services.calling_off import call_off_schedules
from appointments.services.missing import mark_no_show, undo_no_show
from medbook import clock
from medbook.audit.models import OperationLog
from scheduling.choices import ScheduleState, SlotState
from scheduling.models import Schedule
from scheduling.services.finishing import finish_schedules
from tests.appointments.booking import book
from tests.factories import UserFactory, member_with_patient, schedule_with_slots
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sessions():
    """Sessions that were over an hour ago, by the clock that is passed on."""
    return [schedule_with_slots(2) for _ in range(4)]


def finishing(session):
    later = session.ends_at + timedelta(hours=1)
    return partial(finish_schedules, grace=NO_SHOW_GRACE, now=later)


def test_two_sweeps_at_once_finish_each_session_once(sessions):
    outcomes = together(*[finishing(sessions[0])] * 4)

    assert sum(outcomes) == len(sessions)
    assert OperationLog.objects.filter(action="schedule.finished").count() == len(sessions)


def test_what_is_called_off_meanwhile_stays_called_off(sessions):
    call_off = partial(
        call_off_schedules,
        schedule_uids=[session.uid for session in sessions],
        reason="Never sat",
        by=UserFactory(is_staff=True),
        now=clock.now(),
    )

    together(call_off, finishing(sessions[0]), finishing(sessions[0]))

    assert set(Schedule.objects.values_list("state", flat=True)) == {ScheduleState.CALLED_OFF}


def test_a_visit_is_put_right_whether_its_session_is_finished_first_or_not(sessions):
    session = sessions[0]
    visit, desk = book(member_with_patient(), session), UserFactory(is_staff=True)
    said = {"appointment_uid": visit.uid, "by": desk, "now": session.ends_at}
    mark_no_show(**said)

    outcomes = together(partial(undo_no_show, has_come=True, **said), finishing(session))

    visit.refresh_from_db()
    assert counted(outcomes) == {"done": 2}
    assert (visit.state, visit.slot.state) == (AppointmentState.ARRIVED, SlotState.TAKEN)
