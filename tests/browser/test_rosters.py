"""Is the week of rosters accessible, and of use without scripts, on paper and on a phone?"""

from datetime import date, datetime, timedelta
from types import SimpleNamespace

import pytest

from scheduling.choices import LeaveReason, LeaveState, ScheduleState
from scheduling.models import Leave
from scheduling.rules.weeks import Week
from tests.browser.test_pages import violations
from tests.factories import (
    CalendarDayFactory,
    DepartmentFactory,
    DoctorFactory,
    RoomFactory,
    ScheduleFactory,
    UserFactory,
)
from tests.scheduling.staff import scheduler

WEEK = Week(date(2031, 3, 3))


@pytest.fixture
def cardiology():
    """Plan a week in which everything that the grid knows happens."""
    department = DepartmentFactory(code="cardio")
    RoomFactory(code="R204")
    rooms = [RoomFactory(code=f"R20{number}") for number in range(3)]
    names = ("Chen Wei", "欧阳娜娜", "Muhammad Abdulrahman Al-Farsi-Whitfield", "Ann Li")
    for number, name in enumerate(names):
        doctor = DoctorFactory(
            department=department, name_en=name, weekly_hours=[None, 9][number % 2]
        )
        for day in range(5 - number % 2):
            for hour in (9, 14) if number % 2 else (9,):
                sitting(day, hour, doctor=doctor, room=rooms[number % 3], state=state(day, number))
    leave_of(doctor)
    CalendarDayFactory(date=WEEK.days[4], name_en="Founders' Day")
    return department


def state(day, number):
    if day == 2 and number == 1:
        return ScheduleState.CALLED_OFF
    return ScheduleState.PUBLISHED if day < 2 and number < 3 else ScheduleState.DRAFT


def sitting(day, hour, **fields):
    on = WEEK.days[day]
    starts_at = datetime.fromisoformat(f"{on}T{hour:02d}:00+08:00")
    ends_at = starts_at + timedelta(hours=3)
    return ScheduleFactory(service_date=on, starts_at=starts_at, ends_at=ends_at, **fields)


def leave_of(doctor):
    starts_at = datetime.fromisoformat(f"{WEEK.days[3]}T08:00+08:00")
    Leave.objects.create(
        doctor=doctor,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=4),
        reason=LeaveReason.TRAINING,
        state=LeaveState.CONFIRMED,
        created_at=starts_at,
        created_by=UserFactory(is_staff=True),
    )


@pytest.fixture
def planner():
    return SimpleNamespace(user=scheduler())


def test_pages_of_the_roster_are_accessible_and_fit(visitor, planner, cardiology):
    page = visitor(planner)
    page.set_default_timeout(60_000)
    grid = f"/admin/roster/?week={WEEK}&department=cardio"
    session = cardiology.schedules.filter(state=ScheduleState.DRAFT).first()
    narrow, wide = (360, "light"), (1280, "dark")
    wrong = {}

    for address, look in (
        (grid, narrow),
        (grid, wide),
        (f"/admin/roster/publish/?week={WEEK}&department=cardio", narrow),
        (f"/admin/roster/sessions/{session.uid}/", wide),
        ("/admin/roster/?week=2026-W60", narrow),
    ):
        if found := looked_at(page, address, *look):
            wrong[address, look] = found

    assert wrong == {}


def looked_at(page, address, width, scheme):
    """Open a page in colours that do not change any more; tell what is wrong with it."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.complaints.clear()
    page.goto(address)
    # Axe reads the styles that Django's own sheets import, of which the policy complains.
    found: list = list(page.complaints)
    found += violations(page)
    page.set_viewport_size({"width": 320, "height": 640})
    if page.evaluate("document.documentElement.scrollWidth") > 320:
        found.append("scrolls sideways")
    return found


def test_a_clash_is_mended_without_scripts(visitor, planner, cardiology):
    page = visitor(planner, width=1280, java_script_enabled=False)
    page.goto(f"/admin/roster/?week={WEEK}&department=cardio")
    before = page.locator("#conflicts").inner_text()

    page.get_by_role("button", name="Use room R204, free then").first.click()

    assert page.locator(".success").inner_text() == "1 session was changed."
    assert page.locator("#conflicts").inner_text() != before
