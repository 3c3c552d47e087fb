"""Guards of generation and of the calendar, taken away: does the harm happen?"""

from contextlib import nullcontext
from functools import partial
from threading import Event

import pytest
from django.db import IntegrityError, transaction

from scheduling.choices import DayKind, LeaveState, SlotState
from scheduling.models import CalendarDay, Schedule
from scheduling.services import release
from scheduling.services.leaves import lock_doctors
from scheduling.services.release import generate_schedules
from tests.factories import (
    CalendarDayFactory,
    LeaveFactory,
    RosterTemplateFactory,
    ScheduleFactory,
    SlotFactory,
)
from tests.guards.taking_away import without_constraint, without_trigger
from tests.racing import together
from tests.scheduling.test_generation import LAST, NIGHT

pytestmark = pytest.mark.django_db(transaction=True)


def a_leave_confirmed_while_the_date_is_made(monkeypatch):
    """Return how many sessions the leave finds in its way, and how many there are in the end."""
    template = RosterTemplateFactory(weekday=LAST.weekday())
    has_looked, is_confirmed = Event(), Event()
    plan = release.planned_dates

    def planned_slowly(dates):
        planned = plan(dates)
        has_looked.set()
        is_confirmed.wait(1)
        return planned

    @transaction.atomic
    def confirm():
        has_looked.wait(10)
        lock_doctors([template.doctor_id])
        sessions = Schedule.objects.filter(doctor=template.doctor).count()
        LeaveFactory(
            doctor=template.doctor,
            starts_at=NIGHT,
            ends_at=NIGHT.replace(year=2027),
            state=LeaveState.CONFIRMED,
        )
        return sessions

    def confirmed():
        found = confirm()
        is_confirmed.set()
        return found

    monkeypatch.setattr(release, "planned_dates", planned_slowly)
    department = template.doctor.department
    make = partial(generate_schedules, departments=[department], first=LAST, last=LAST, now=NIGHT)
    _made, found = together(make, confirmed)
    return found, Schedule.objects.count()


def test_a_leave_waits_for_the_sessions_that_are_being_made_and_finds_them(monkeypatch):
    assert a_leave_confirmed_while_the_date_is_made(monkeypatch) == (1, 1)


def test_without_the_doctors_lock_a_session_is_made_inside_a_leave_that_did_not_see_it(monkeypatch):
    monkeypatch.setattr(release, "lock_doctors", lambda doctor_ids: None)

    assert a_leave_confirmed_while_the_date_is_made(monkeypatch) == (0, 1)


HOLIDAY = {"kind": DayKind.HOLIDAY, "as_weekday": 4}


@pytest.mark.parametrize(
    ("guard", "rows"),
    [
        ("one_calendar_day_per_clinic_and_date", [{"clinic": None}, {"clinic": None}]),
        ("only_a_working_day_follows_a_weekday", [HOLIDAY]),
    ],
)
@pytest.mark.parametrize("is_there", [True, False])
def test_the_calendar_says_one_thing_of_a_day(guard, rows, is_there):
    without = nullcontext() if is_there else without_constraint(CalendarDay, guard)
    refused = pytest.raises(IntegrityError, match=guard) if is_there else nullcontext()

    with without:
        with refused:
            for row in rows:
                CalendarDayFactory(**row)
        CalendarDay.objects.all().delete()


def test_a_new_place_is_not_taken_without_an_appointment():
    schedule = ScheduleFactory()
    trigger = "new_slot_is_taken_by_its_live_appointment"

    with pytest.raises(IntegrityError), transaction.atomic():
        SlotFactory(schedule=schedule, state=SlotState.TAKEN)
    with without_trigger("scheduling_slot", trigger):
        SlotFactory(schedule=schedule, state=SlotState.TAKEN)
        assert schedule.slots.get().state == SlotState.TAKEN
