"""How do staff plan a week on the grid?"""

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from appointments.models import Appointment
from appointments.services.missing import mark_no_show
from medbook import clock
from medbook.audit.models import OperationLog
from scheduling.choices import ConflictKind, LeaveReason, LeaveState, ScheduleState, SlotState
from scheduling.models import Leave, Schedule
from scheduling.rules.weeks import Week
from tests.appointments.booking import fill
from tests.factories import (
    CalendarDayFactory,
    ClinicFactory,
    DepartmentFactory,
    DoctorFactory,
    RoomFactory,
    RosterTemplateFactory,
    ScheduleFactory,
    UserFactory,
    VisitTypeFactory,
    schedule_with_slots,
)
from tests.scheduling.staff import client_of, scheduler, staff

pytestmark = pytest.mark.django_db
WEEK = Week(date(2031, 3, 3))
GRID = "/admin/roster/"


@pytest.fixture
def client():
    return client_of(scheduler())


@pytest.fixture
def department():
    return DepartmentFactory(code="cardio")


def sitting(day=0, hour=9, hours=3, **fields):
    """Make a session of the week, a draft unless said otherwise."""
    fields = {"state": ScheduleState.DRAFT, **fields}
    on = WEEK.days[day]
    starts_at = datetime.fromisoformat(f"{on}T{hour:02d}:00:00+08:00")
    return ScheduleFactory(
        service_date=on, starts_at=starts_at, ends_at=starts_at + timedelta(hours=hours), **fields
    )


def at(name, department, week=WEEK):
    clinic = department.clinic.code
    return f"{reverse(f'admin:{name}')}?week={week}&clinic={clinic}&department={department.code}"


def tick(schedule, version=None):
    return f"{schedule.uid}:{version or schedule.version}"


def said(response):
    return [str(message) for message in response.context["messages"]]


def hours(day, *times):
    """Give instants of a day of the week."""
    return [datetime.fromisoformat(f"{WEEK.days[day]}T{at}:00+08:00") for at in times]


def away(doctor, starts_at, ends_at):
    return Leave.objects.create(
        doctor=doctor,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=LeaveReason.TRAINING,
        state=LeaveState.CONFIRMED,
        created_at=starts_at,
        created_by=UserFactory(is_staff=True),
    )


def test_a_week_shows_doctors_by_department_with_their_sessions(client, department):
    doctor = DoctorFactory(department=department, name_en="Ann Li")
    draft = sitting(0, doctor=doctor, room=RoomFactory(code="R203"), max_appointments=24)
    booked = schedule_with_slots(9, doctor=doctor)
    fill(booked, 1, 2)

    html = client.get(at("roster", department)).text
    this_week = client.get(at("roster", department, Week.of(booked.service_date))).text

    assert f'id="s-{draft.uid}" data-state="draft"' in html
    assert "R203 · 0 of 24 places" in html
    assert "Ann Li" in html
    assert "2 of 9 places" in this_week
    assert not re.search(r"\sstyle=|<script(?![^>]+src=)", html)


@pytest.mark.parametrize(
    ("zone", "week"), [("Asia/Shanghai", "2031-W11"), ("Europe/Berlin", "2031-W10")]
)
def test_this_week_goes_by_the_date_in_the_clinic(monkeypatch, zone, week):
    early_on_monday = datetime.fromisoformat("2031-03-10T01:00:00+08:00")
    monkeypatch.setattr(clock, "now", lambda: early_on_monday)
    DepartmentFactory(clinic=ClinicFactory(time_zone=zone))

    html = client_of(scheduler()).get(GRID).text

    assert re.search(rf'href="[^"]*week={week}[^"]*">This week<', html)
    assert f'value="{week}"' in html


def test_the_number_of_doctors_costs_no_query(client, department, django_assert_max_num_queries):
    for _number in range(12):
        doctor = DoctorFactory(department=department, weekly_hours=1)
        room = RoomFactory()
        for day in range(5):
            sitting(day, doctor=doctor, room=room)
            sitting(day, 11, doctor=doctor)
        away(
            doctor, *[datetime.fromisoformat(f"{WEEK.days[1]}T{h}:00+08:00") for h in ("08", "12")]
        )
    client.get(GRID)

    with django_assert_max_num_queries(22):
        response = client.get(at("roster", department))

    assert len(response.context["grid"].problems) > 60


@pytest.mark.parametrize(
    "week",
    ["2026-W60", "0000-W01", "9999-W52", "2026-W54", "last", "2026-W", "٢٠٢٦-W10", "2026-W1"],
)
def test_a_week_that_no_year_has_is_named(week, client, department):
    response = client.get(GRID, {"week": week})

    assert response.status_code == 422
    assert "There is no such week" in response.text


@pytest.mark.parametrize("field", ["department", "clinic"])
def test_an_unknown_department_or_clinic_is_named(field, client, department):
    assert client.get(GRID, {field: "nowhere"}).status_code == 422
    elsewhere = DepartmentFactory(clinic=ClinicFactory(code="west"))
    asked = {"clinic": "east", "department": elsewhere.code}
    assert client.get(GRID, asked).status_code == 422


def test_without_a_clinic_the_page_says_so(client):
    assert "There is no clinic yet." in client.get(GRID).text


def test_a_leave_and_a_holiday_stand_where_they_are(client, department):
    doctor = DoctorFactory(department=department)
    morning = hours(1, "08:00", "12:00")
    whole = [datetime.fromisoformat(f"{WEEK.days[n]}T00:00+08:00") for n in (3, 4)]
    away(doctor, *morning)
    away(doctor, *whole)
    CalendarDayFactory(date=WEEK.days[2], name_en="Founders' Day")

    html = client.get(at("roster", department)).text

    assert "Leave 08:00–12:00" in html
    assert html.count("Leave, all day") == 1
    assert "Founders&#x27; Day" in html


def test_conflicts_come_first_and_a_button_takes_a_room_that_is_free_then(client, department):
    first = sitting(0, doctor__department=department, room=RoomFactory(code="R1"))
    second = sitting(0, doctor__department=department, room=first.room)
    RoomFactory(code="R0", is_active=False)
    free = RoomFactory(code="R2")
    page = client.get(at("roster", department))
    assert "1 conflict" in page.text
    assert "Use room R2, free then" in page.text

    fix = {"session": tick(second), "room": free.pk, "act": "room"}
    response = client.post(at("roster_change", department), fix)

    assert response.status_code == 302
    second.refresh_from_db()
    assert (second.room, second.version) == (free, 2)
    assert client.get(response["Location"]).context["grid"].problems == []


def test_a_draft_is_left_out_by_a_button_and_the_log_keeps_it(client, department):
    doctor = DoctorFactory(department=department)
    sitting(0, doctor=doctor)
    twice = sitting(0, 11, doctor=doctor)

    client.post(at("roster_change", department), {"session": tick(twice), "act": "delete"})

    assert not Schedule.objects.filter(pk=twice.pk).exists()
    log = OperationLog.objects.get(action="schedule.deleted")
    assert (log.subject_uid, log.facts["date"]) == (twice.uid, str(WEEK.days[0]))


def test_ticked_sessions_change_each_on_its_own(client, department):
    one, two = (sitting(day, doctor__department=department) for day in (0, 1))
    wish = {"session": [tick(one), tick(two, version=9)], "act": "places", "places": 30}

    response = client.post(at("roster_change", department), wish, follow=True)

    one.refresh_from_db(), two.refresh_from_db()
    assert (one.max_appointments, two.max_appointments) == (30, 9)
    assert said(response)[0] == "1 session was changed."
    assert "Somebody changed this schedule in the meantime" in said(response)[1]


def test_shrinking_below_the_booked_names_the_visits_and_changes_nothing(client, department):
    schedule = schedule_with_slots(9, doctor__department=department)
    fill(schedule, 8, 9)
    references = Appointment.objects.values_list("reference", flat=True)
    wish = {"session": tick(schedule), "act": "places", "places": 7}

    response = client.post(at("roster_change", department), wish)

    assert response.status_code == 409
    assert "It would hit 2: " in said(response)[0]
    assert all(reference in said(response)[0] for reference in references)
    schedule.refresh_from_db()
    assert (schedule.max_appointments, schedule.version) == (9, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"act": "places", "places": "3"},
        {"act": "places", "places": "0"},
        {"act": "places", "places": "-1"},
        {"act": "places", "places": "1000000000"},
        {"act": "places"},
        {"act": "room"},
        {"act": "room", "room": "999999"},
        {"act": "explode"},
        {"act": "delete", "session": "nothing"},
        {"act": "delete", "session": "00000000-0000-0000-0000-00000000000g:1"},
    ],
)
def test_half_a_form_changes_nothing(fields, client, department):
    schedule = sitting(0, doctor__department=department)
    if "session" not in fields and fields.get("places") != "3":
        fields = {"session": tick(schedule), **fields}

    response = client.post(at("roster_change", department), fields)

    assert response.status_code == 422
    assert "errornote" in response.text
    schedule.refresh_from_db()
    assert schedule.version == 1


def test_a_session_of_nothing_is_refused_in_words(client, department):
    wish = {"session": "4b2c3f52-1111-4222-8333-444455556666:1", "act": "delete"}

    response = client.post(at("roster_change", department), wish)

    assert response.status_code == 409
    assert "A session that is no longer there" in said(response)[0]


def test_last_week_is_copied_into_drafts_and_what_exists_is_left_alone(client, department):
    doctor = DoctorFactory(department=department)
    template = RosterTemplateFactory(doctor=doctor, weekday=0, start_time=time(9))
    monday = sitting(0, doctor=doctor, template=template, state=ScheduleState.FINISHED)
    there = sitting(1, doctor=doctor, state=ScheduleState.PUBLISHED)
    sitting(2, doctor=doctor, state=ScheduleState.CALLED_OFF)
    closed = sitting(3, doctor=doctor, room__is_active=False)
    ScheduleFactory(
        doctor=doctor,
        service_date=there.service_date + timedelta(7),
        starts_at=there.starts_at + timedelta(7),
    )
    after = WEEK.moved(1)

    response = client.post(at("roster_plan", department, after), {"act": "copy"}, follow=True)

    [copy] = Schedule.objects.filter(service_date__gte=after.monday, state=ScheduleState.DRAFT)
    assert copy.starts_at == monday.starts_at + timedelta(7)
    assert (copy.template, copy.room, copy.max_appointments) == (template, monday.room, 9)
    assert said(response)[:2] == [
        "1 draft was made.",
        "1 session is there already and was left alone.",
    ]
    assert "the room is closed" in said(response)[2]
    assert closed.room.is_active is False
    again = client.post(at("roster_plan", department, after), {"act": "copy"}, follow=True)
    assert said(again)[0] == "0 drafts were made."


def test_templates_are_applied_once_and_not_on_holidays(client, department):
    doctor = DoctorFactory(department=department)
    template = RosterTemplateFactory(doctor=doctor, weekday=0)
    RosterTemplateFactory(doctor=doctor, weekday=1)
    RosterTemplateFactory(doctor=doctor, weekday=2, valid_until=WEEK.days[1])
    CalendarDayFactory(date=WEEK.days[1])

    first = client.post(at("roster_plan", department), {"act": "apply"}, follow=True)
    second = client.post(at("roster_plan", department), {"act": "apply"}, follow=True)

    [draft] = Schedule.objects.all()
    assert (draft.template, draft.state) == (template, ScheduleState.DRAFT)
    assert said(first) == ["1 draft was made."]
    assert said(second)[0] == "0 drafts were made."


def test_planning_asks_for_an_act(client, department):
    assert client.post(at("roster_plan", department), {}).status_code == 422


def test_publishing_shows_what_is_new_and_publishes_what_is_ticked(client, department):
    doctor = DoctorFactory(department=department)
    template = RosterTemplateFactory(doctor=doctor, weekday=0, max_appointments=12)
    changed = sitting(0, doctor=doctor, template=template, max_appointments=20)
    left = sitting(1, doctor=doctor)
    page = client.get(at("roster_publish", department))
    assert "2 new sessions · 1 of them changed against its template" in page.text
    assert "Changed: room, hours, places." in page.text

    wish = {"session": tick(changed), "confirmed": "yes"}
    response = client.post(at("roster_publish", department), wish, follow=True)

    changed.refresh_from_db(), left.refresh_from_db()
    assert (changed.state, left.state) == (ScheduleState.PUBLISHED, ScheduleState.DRAFT)
    assert changed.slots.count() == 20
    assert said(response) == ["1 session was published with 20 places."]


def test_a_double_booking_is_never_published(client, department):
    doctor = DoctorFactory(department=department)
    one, two = sitting(0, doctor=doctor), sitting(0, 10, doctor=doctor)
    both = {"session": [tick(one), tick(two)], "confirmed": "yes", "reason": "We insist"}

    response = client.post(at("roster_publish", department), both)

    assert response.status_code == 409
    assert "Please resolve the conflicts" in response.text
    assert not Schedule.objects.filter(state=ScheduleState.PUBLISHED).exists()
    only = {"session": tick(two), "confirmed": "yes"}
    assert client.post(at("roster_publish", department), only).status_code == 302
    two.refresh_from_db()
    assert two.state == ScheduleState.PUBLISHED


def test_a_holiday_is_published_with_a_reason_that_is_logged(client, department):
    draft = sitting(2, doctor__department=department)
    CalendarDayFactory(date=WEEK.days[2], name_en="Founders' Day")
    wish = {"session": tick(draft), "confirmed": "yes"}

    assert client.post(at("roster_publish", department), wish).status_code == 422
    draft.refresh_from_db()
    assert draft.state == ScheduleState.DRAFT
    client.post(at("roster_publish", department), {**wish, "reason": "Flu season"})

    draft.refresh_from_db()
    assert draft.state == ScheduleState.PUBLISHED
    log = OperationLog.objects.get(action="schedule.published")
    assert (log.reason, log.facts["overridden"]) == ("Flu season", ["on_holiday"])


def test_ticked_sessions_lead_to_the_publish_page_and_nothing_else_happens(client, department):
    _one, two = (sitting(day, doctor__department=department) for day in (0, 1))

    response = client.post(at("roster_publish", department), {"session": tick(two)})

    assert response.status_code == 200
    assert response.context["chosen"] == {two.pk}
    assert not Schedule.objects.filter(state=ScheduleState.PUBLISHED).exists()
    nothing = client.post(at("roster_publish", department), {"confirmed": "yes"})
    assert nothing.status_code == 422


# One session


def session_form(doctor, **fields):
    return {
        "doctor": doctor.pk,
        "service_date": str(WEEK.days[0]),
        "start_time": "08:00",
        "end_time": "12:00",
        "room": RoomFactory().pk,
        "visit_type": VisitTypeFactory().pk,
        "max_appointments": "12",
        "desk_places": "2",
        "fee": "180.00",
    } | fields


def test_an_empty_cell_leads_to_a_draft_there(client, department):
    doctor = DoctorFactory(department=department)
    page = f"{reverse('admin:roster_new_session')}?doctor={doctor.uid}&day={WEEK.days[0]}"
    assert page.replace("&", "&amp;") in client.get(at("roster", department)).text
    form = client.get(page).context["form"]
    assert (form["doctor"].value(), form["service_date"].value()) == (doctor.pk, WEEK.days[0])

    response = client.post(page, session_form(doctor))

    draft = Schedule.objects.get()
    assert response["Location"].endswith(f"week={WEEK}#s-{draft.uid}")
    assert (draft.state, draft.desk_places) == (ScheduleState.DRAFT, 2)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"end_time": "08:00"}, 409),
        ({"service_date": "2020-01-01"}, 409),
        ({"service_date": "2031-02-30"}, 422),
        ({"max_appointments": "0"}, 422),
        ({"max_appointments": "1000000000"}, 422),
        ({"desk_places": "13"}, 422),
        ({"room": "0"}, 422),
        ({"fee": ""}, 409),
    ],
)
def test_an_impossible_draft_is_explained_and_what_was_typed_is_kept(
    fields, status, client, department
):
    doctor = DoctorFactory(department=department)
    page = f"{reverse('admin:roster_new_session')}?doctor={doctor.uid}"

    response = client.post(page, session_form(doctor, **fields))

    assert response.status_code == status
    assert response.context["form"]["start_time"].value() == "08:00"
    assert not Schedule.objects.exists()


def test_a_doctor_who_left_or_never_was_has_no_page(client, department):
    gone = DoctorFactory(department=department, is_active=False)
    page = reverse("admin:roster_new_session")

    assert client.get(page, {"doctor": gone.uid}).status_code == 404
    assert client.get(page, {"doctor": "x"}).status_code == 404
    assert client.get(page, {"department": "nowhere"}).status_code == 404


def test_a_room_of_another_clinic_is_no_choice(client, department):
    west = RoomFactory(clinic=ClinicFactory(code="west"))
    doctor = DoctorFactory(department=department)
    page = f"{reverse('admin:roster_new_session')}?doctor={doctor.uid}"

    assert client.post(page, session_form(doctor, room=west.pk)).status_code == 422
    draft = sitting(0, doctor=doctor)
    wish = {"session": tick(draft), "act": "room", "room": west.pk}
    response = client.post(at("roster_change", department), wish)
    assert (response.status_code, draft.room.clinic.code) == (409, "east")


def test_a_draft_is_changed_in_all_it_has(client, department):
    draft = sitting(0, doctor__department=department)
    page = reverse("admin:roster_session", args=[draft.uid])
    wish = session_form(draft.doctor, start_time="14:00", end_time="17:00", version=1)

    response = client.post(page, wish)

    draft.refresh_from_db()
    assert (response.status_code, draft.version) == (302, 2)
    assert draft.starts_at.hour == 6
    log = OperationLog.objects.get(action="schedule.changed")
    assert {"starts_at", "ends_at", "room"} <= set(log.changed_fields)


def test_a_stale_write_keeps_what_was_typed_and_says_who_changed_it(client, department):
    draft = sitting(0, doctor__department=department)
    page = reverse("admin:roster_session", args=[draft.uid])
    other = scheduler()
    other.display_name = "Li Na"
    other.save()
    client_of(other).post(page, session_form(draft.doctor, version=1, fee="200.00"))

    response = client.post(page, session_form(draft.doctor, version=1, fee="250.00"))

    assert response.status_code == 409
    assert "Li Na changed this schedule in the meantime" in response.text
    form = response.context["form"]
    assert (form["fee"].value(), form["version"].value()) == ("250.00", "2")
    draft.refresh_from_db()
    assert draft.fee == Decimal("200.00")


def test_of_a_published_session_doctor_and_times_stay(client, department):
    schedule = schedule_with_slots(9, doctor__department=department)
    fill(schedule, 9)
    page = reverse("admin:roster_session", args=[schedule.uid])
    wish = {"room": schedule.room.pk, "max_appointments": 8, "fee": "180.00", "version": 1}

    shown, response = client.get(page), client.post(page, {**wish, "start_time": "15:00"})

    assert "start_time" not in shown.context["form"].fields
    assert response.status_code == 409
    assert "It would hit 1" in response.text
    deleted = client.post(page, {"act": "delete", "version": 1})
    assert deleted.status_code == 409
    assert Schedule.objects.get() == schedule


def test_a_session_that_is_called_off_is_only_read(client, department):
    schedule = sitting(0, doctor__department=department, state=ScheduleState.CALLED_OFF)
    page = reverse("admin:roster_session", args=[schedule.uid])

    assert "Nothing of it can be changed here." in client.get(page).text
    assert client.post(page, {"fee": "1"}).status_code == 409


def test_who_only_sees_schedules_reads_the_grid_and_changes_nothing(department):
    reader = client_of(staff("view_schedule"))
    draft = sitting(0, doctor__department=department)

    html = reader.get(at("roster", department)).text

    assert f"s-{draft.uid}" in html
    assert 'type="checkbox"' not in html
    assert "Add a session" not in html
    for name in ("roster_plan", "roster_change", "roster_publish"):
        assert reader.post(at(name, department), {}).status_code == 403
    page = reverse("admin:roster_session", args=[draft.uid])
    assert reader.get(page).context["form"] is None
    assert reader.post(page, session_form(draft.doctor, version=1)).status_code == 403


def test_places_that_visits_have_used_up_stay_booked(client, department):
    session = schedule_with_slots(9, doctor__department=department)
    fill(session, 1, 2)
    desk = UserFactory(is_staff=True)
    missed = Appointment.objects.get(slot__number=1)
    mark_no_show(appointment_uid=missed.uid, by=desk, now=session.ends_at)
    session.slots.filter(number=3).update(state=SlotState.BLOCKED)

    html = client.get(at("roster", department, Week.of(session.service_date))).text

    assert "2 of 9 places" in html


def test_what_is_finished_counts_and_stays_as_it_is(client, department):
    """It fills the week and is copied; nobody is asked to mend or may tick it."""
    doctor = DoctorFactory(department=department, weekly_hours=5)
    finished = sitting(
        0, doctor=doctor, state=ScheduleState.FINISHED, room=RoomFactory(is_active=False)
    )
    draft = sitting(1, doctor=doctor)

    page = client.get(at("roster", department))

    [problem] = page.context["grid"].problems
    assert (problem.schedule, problem.conflict.kind) == (draft, ConflictKind.WEEKLY_HOURS)
    assert page.context["grid"].totals[0].sessions == 1
    assert f'id="s-{finished.uid}" data-state="finished"' in page.text
    assert tick(finished) not in page.text
    session = client.get(reverse("admin:roster_session", args=[finished.uid]))
    assert "Nothing of it can be changed here." in session.text
    assert client.get(at("roster_publish", department)).context["unchanged"] == 1
