"""A department's week: planned on the grid, a clash mended by a button, published, and seen."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from medbook import clock
from members.choices import Role
from members.services.roles import grant_roles
from scheduling.choices import ScheduleState
from scheduling.models import Schedule
from scheduling.rules.weeks import Week
from tests.factories import (
    DepartmentFactory,
    DoctorFactory,
    RoomFactory,
    RosterTemplateFactory,
    UserFactory,
    VisitTypeFactory,
)
from tests.scheduling.staff import client_of

pytestmark = pytest.mark.django_db


def test_a_week_is_planned_mended_published_and_seen():
    grant_roles()
    planner = UserFactory(is_staff=True)
    planner.groups.add(planner.groups.model.objects.get(name=Role.SCHEDULER.value))
    staff = client_of(planner)
    department = DepartmentFactory(code="cardio", release_days_ahead=30)
    chen = DoctorFactory(department=department, slug="chen-wei")
    li = DoctorFactory(department=department, name_en="Ann Li", slug="ann-li")
    room = RoomFactory(code="R203")
    RoomFactory(code="R204")
    week = Week.of(clock.local_date(clock.now(), "Asia/Shanghai") + timedelta(7))
    RosterTemplateFactory(doctor=chen, room=room, weekday=2)
    grid = f"/admin/roster/?week={week}&clinic=east&department=cardio"
    assert "No sessions. Apply a template." in staff.get(grid).text

    # The templates come first, then a session by hand, in a room that is taken then.
    staff.post(grid.replace("roster/", "roster/plan/"), {"act": "apply"})
    wednesday = week.days[2]
    empty_cell = f"/admin/roster/sessions/new/?doctor={li.uid}&day={wednesday}"
    assert empty_cell.replace("&", "&amp;") in staff.get(grid).text
    staff.post(
        empty_cell,
        {
            "doctor": li.pk,
            "service_date": str(wednesday),
            "start_time": "09:00",
            "end_time": "11:00",
            "room": room.pk,
            "visit_type": VisitTypeFactory().pk,
            "max_appointments": "6",
            "desk_places": "0",
            "fee": "120.00",
        },
    )
    page = staff.get(grid).text
    assert "1 conflict" in page
    assert "Room R203 is used by Chen Wei" in page

    # The button beside the conflict mends it.
    [form] = re.findall(r"<form[^>]*roster/change/[^>]*>.*?</form>", page, re.DOTALL)[:1]
    assert "Use room R204, free then" in form
    hidden = dict(re.findall(r'name="(session|room)" value="([^"]+)"', form))
    staff.post(grid.replace("roster/", "roster/change/"), {**hidden, "act": "room"})
    assert "conflict" not in staff.get(grid).text.lower()

    # Published, both are there for members, and in no other way before.
    doctor_page = f"/en/doctors/ann-li/?day={wednesday}"
    assert "09:00" not in Client().get(doctor_page).text
    publish = grid.replace("roster/", "roster/publish/")
    assert "2 new sessions" in staff.get(publish).text
    drafts = Schedule.objects.filter(state=ScheduleState.DRAFT)
    ticked = [f"{draft.uid}:{draft.version}" for draft in drafts]
    done = staff.post(publish, {"confirmed": "yes", "session": ticked}, follow=True).text
    assert "2 sessions were published with 18 places." in done
    assert "09:00" in Client().get(doctor_page).text
    assert "08:00" in Client().get(f"/en/doctors/chen-wei/?day={wednesday}").text
