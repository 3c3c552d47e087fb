"""What happens to rosters where a guard is taken away?"""

from datetime import UTC, date, datetime

import pytest

from scheduling.choices import ScheduleState
from scheduling.errors import OnHoliday, ScheduleClash
from scheduling.models import Schedule
from scheduling.services import rosters
from scheduling.services.rosters import publish_schedule
from tests.factories import CalendarDayFactory, ScheduleFactory, UserFactory
from tests.guards.taking_away import without_constraint

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2031, 1, 1, tzinfo=UTC)


def draft(**fields):
    starts_at = datetime(2031, 3, 3, 1, tzinfo=UTC)
    fields = {"service_date": date(2031, 3, 3), "starts_at": starts_at, **fields}
    return ScheduleFactory(state=ScheduleState.DRAFT, **fields)


def publish(schedule):
    return publish_schedule(schedule_uid=schedule.uid, by=UserFactory(), now=NOW)


def test_without_the_doubts_a_holiday_needs_no_reason(monkeypatch):
    schedule = draft()
    CalendarDayFactory(date=schedule.service_date)
    with pytest.raises(OnHoliday):
        publish(schedule)

    monkeypatch.setattr(rosters, "doubts_about", lambda schedule: [])

    assert publish(schedule).state == ScheduleState.PUBLISHED


def test_the_constraints_refuse_what_no_look_before_has_seen(monkeypatch):
    """Two who publish at once see nothing of each other; without constraints, both are."""
    first = draft()
    second = draft(doctor=first.doctor)
    publish(first)
    monkeypatch.setattr(Schedule, "refuse_clash", lambda self: None)
    with pytest.raises(ScheduleClash):
        publish(second)

    with without_constraint(Schedule, "doctor_sits_once_at_a_time"):
        assert publish(second).state == ScheduleState.PUBLISHED
        sitting = Schedule.objects.filter(doctor=first.doctor, state=ScheduleState.PUBLISHED)
        assert sitting.count() == 2
        sitting.update(state=ScheduleState.CALLED_OFF)  # or the guard could not come back
