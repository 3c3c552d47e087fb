"""How do staff change weekly patterns and a department's rules, and what are they told first?"""

from datetime import date, time, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from medbook import clock
from scheduling.models import RosterTemplate
from scheduling.services.imports import check_file, export_file, import_file
from scheduling.services.release import make_due_schedules
from tests.factories import DepartmentFactory, RosterTemplateFactory, UserFactory
from tests.scheduling.staff import client_of, scheduler, staff

pytestmark = pytest.mark.django_db


def form_of(template, **changes):
    fields = (
        "doctor_id room_id visit_type_id weekday start_time end_time valid_from valid_until"
        " max_appointments desk_places fee"
    )
    values = {name.removesuffix("_id"): getattr(template, name) for name in fields.split()}
    return {name: "" if value is None else value for name, value in (values | changes).items()}


def test_a_change_of_a_pattern_says_first_which_dates_stay_and_which_follow():
    weekday = (clock.local_date(clock.now(), "Asia/Shanghai") + timedelta(days=1)).weekday()
    template = RosterTemplateFactory(weekday=weekday, doctor__department__clinic__country="")
    make_due_schedules(now=clock.now())
    made = template.schedules.count()
    keeper = client_of(scheduler())
    page = reverse("admin:scheduling_rostertemplate_change", args=[template.pk])
    change = form_of(template, weekday=(weekday + 1) % 7, desk_places=2, high_demand="on")

    told = keeper.post(page, change)

    assert (told.context["preview"].staying, told.context["preview"].following) == (made, 2)
    assert f"{made} dates from today on have a session of this template already" in told.text
    template.refresh_from_db()
    assert template.weekday == weekday

    keeper.post(page, {**dict(told.context["asked"]), "confirmed": "yes"})

    template.refresh_from_db()
    assert (template.weekday, template.desk_places) == ((weekday + 1) % 7, 2)
    assert template.high_demand
    make_due_schedules(now=clock.now())
    assert template.schedules.count() == made + 2


def test_a_pattern_cannot_keep_more_places_than_it_has():
    template = RosterTemplateFactory(max_appointments=4)
    keeper = client_of(scheduler())
    page = reverse("admin:scheduling_rostertemplate_change", args=[template.pk])

    answer = keeper.post(page, form_of(template, desk_places=5))

    assert "No more places can be kept than there are." in answer.text


def test_kept_places_and_high_demand_come_in_and_go_out_by_file():
    template = RosterTemplateFactory(desk_places=3, high_demand=True)
    content = export_file(rows=RosterTemplate.objects.all(), file_format="csv", by=UserFactory())

    report = check_file(model=RosterTemplate, content=content)

    assert (report.unchanged, report.problems) == (1, [])
    text = content.decode("utf-8-sig").replace("3,yes", ",")
    import_file(model=RosterTemplate, content=text.encode(), by=UserFactory())
    template.refresh_from_db()
    assert (template.desk_places, template.high_demand) == (0, False)
    too_many = content.decode("utf-8-sig").replace("3,yes", "13,yes").encode()
    [problem] = check_file(model=RosterTemplate, content=too_many).problems
    assert (problem.row, problem.column) == (2, "desk_places")


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ({"horizon_days": 6}, "horizon_days"),
        ({"release_days_ahead": 1, "release_time": time(17)}, "sale_stops_time"),
        ({"release_days_ahead": 0}, "sale_stops_time"),
        ({"reserved_days_before": 0}, "reserved_time"),
        ({"reserved_time": time(17, 1)}, "reserved_time"),
    ],
    ids=str,
)
def test_a_departments_moments_come_in_order(rules, named):
    department = DepartmentFactory.build(clinic=DepartmentFactory().clinic, **rules)

    with pytest.raises(ValidationError) as refused:
        department.full_clean()

    assert set(refused.value.message_dict) == {named}


def test_a_department_that_opens_and_stops_on_the_day_itself_is_in_order():
    department = DepartmentFactory.build(
        clinic=DepartmentFactory().clinic,
        release_days_ahead=0,
        sale_stops_days_before=0,
        reserved_days_before=0,
    )

    department.full_clean()


def test_the_calendar_is_kept_by_schedulers():
    keeper = client_of(staff("add_calendarday", "view_calendarday"))
    page = reverse("admin:scheduling_calendarday_add")

    refused = keeper.post(page, {"date": date(2026, 12, 25), "kind": "holiday", "as_weekday": "1"})

    assert "On a public holiday no patterns are followed." in refused.text
