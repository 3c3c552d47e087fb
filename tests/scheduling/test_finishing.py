"""Is a session finished once it is over for everybody, and not before?"""

from datetime import timedelta

import pytest

from medbook.audit.models import OperationLog
from scheduling.choices import ScheduleState, SlotState
from scheduling.models import Schedule
from scheduling.services import finishing
from scheduling.services.finishing import finish_schedules
from tests.factories import ScheduleFactory, schedule_with_slots

pytestmark = pytest.mark.django_db

GRACE = timedelta(minutes=15)
SECOND = timedelta(seconds=1)


@pytest.fixture
def session():
    return schedule_with_slots(2)


def finish(session, after=GRACE):
    return finish_schedules(grace=GRACE, now=session.ends_at + after)


def state_of(session):
    session.refresh_from_db()
    return session.state


def test_a_session_is_finished_once_the_grace_is_over(session):
    assert finish(session, GRACE - SECOND) == 0
    assert finish(session) == 1
    assert finish(session) == 0
    assert (state_of(session), session.version) == (ScheduleState.FINISHED, 1)
    [noted] = OperationLog.objects.filter(action="schedule.finished")
    assert (noted.subject_uid, noted.actor_uid) == (session.uid, None)


@pytest.mark.parametrize("state", [SlotState.TAKEN, SlotState.OFFERED])
def test_a_session_goes_on_while_a_place_is_in_use(session, state):
    session.slots.filter(number=1).update(state=state)
    assert finish(session) == 0

    session.slots.update(state=SlotState.BLOCKED)
    assert finish(session) == 1


@pytest.mark.parametrize("state", [ScheduleState.DRAFT, ScheduleState.CALLED_OFF])
def test_what_never_sat_is_not_finished(state):
    session = ScheduleFactory(state=state)

    assert finish(session) == 0
    assert state_of(session) == state


def test_the_longest_over_come_first_and_the_rest_with_the_next_sweep(monkeypatch):
    monkeypatch.setattr(finishing, "BATCH", 1)
    later = ScheduleFactory()
    earlier = ScheduleFactory(starts_at=later.starts_at - timedelta(hours=4))

    assert finish(later) == 1
    assert (state_of(earlier), state_of(later)) == (
        ScheduleState.FINISHED,
        ScheduleState.PUBLISHED,
    )
    assert finish(later) == 1


def test_takes_the_same_queries_however_many_sessions(django_assert_num_queries):
    sessions = [schedule_with_slots(2) for _ in range(3)]

    with django_assert_num_queries(5):  # one opens the transaction
        assert finish(sessions[0]) == 3
    assert set(Schedule.objects.values_list("state", flat=True)) == {ScheduleState.FINISHED}
