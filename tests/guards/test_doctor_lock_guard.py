"""Without the lock of the doctor, is a session published into a leave that begins meanwhile?"""

from functools import partial
from threading import Event

import pytest

from appointments.services import leave as leaves
from appointments.services.leave import Absence, call_off_now
from medbook import clock
from scheduling.choices import ScheduleState
from scheduling.services import rosters
from tests.factories import ScheduleFactory, UserFactory
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)


def publish_while_the_doctor_leaves(monkeypatch):
    """Let somebody look for leaves, then a leave be confirmed, then the publishing go on."""
    schedule, staff = ScheduleFactory(state=ScheduleState.DRAFT), UserFactory(is_staff=True)
    has_looked, has_left = Event(), Event()
    look = rosters.require_no_leave

    def look_and_linger(schedule):
        look(schedule)
        has_looked.set()
        has_left.wait(10)

    def go_away():
        has_looked.wait(10)
        absence = Absence(schedule.doctor, schedule.starts_at, schedule.ends_at, "illness")
        try:
            call_off_now(absence=absence, reason="Ill", by=staff, now=clock.now())
        finally:
            has_left.set()

    monkeypatch.setattr(rosters, "require_no_leave", look_and_linger)
    publish = partial(
        rosters.publish_schedule, schedule_uid=schedule.uid, by=staff, now=clock.now(), reason="Yes"
    )
    assert counted(together(publish, go_away)) == {"done": 2}
    schedule.refresh_from_db()
    return schedule.state


def test_without_the_lock_of_the_doctor_a_session_is_on_sale_inside_a_leave(monkeypatch):
    for module in (rosters, leaves):
        monkeypatch.setattr(module, "lock_doctors", lambda ids: None)

    assert publish_while_the_doctor_leaves(monkeypatch) == ScheduleState.PUBLISHED
