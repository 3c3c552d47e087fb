"""What do staff see and change in the workbench?"""

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.urls import reverse

from medbook import clock
from medbook.audit.models import OperationLog
from scheduling.choices import RunState, ScheduleState
from scheduling.models import (
    Clinic,
    Department,
    Doctor,
    ReleaseRun,
    Room,
    RosterTemplate,
    Schedule,
    Slot,
    VisitType,
)
from scheduling.services.release import make_due_schedules
from tests.appointments.booking import fill
from tests.factories import (
    ClinicFactory,
    DepartmentFactory,
    DoctorFactory,
    ReleaseRunFactory,
    RoomFactory,
    RosterTemplateFactory,
    ScheduleFactory,
    SlotFactory,
    UserFactory,
    VisitTypeFactory,
    schedule_with_slots,
)
from tests.scheduling.breaking import break_inserts_for
from tests.scheduling.staff import client_of, scheduler, staff

pytestmark = pytest.mark.django_db
NIGHT = datetime.fromisoformat("2026-11-26T02:00+08:00").astimezone(UTC)
CLASHES = [{"template": 0, "reason": "hours", "schedule": None}]
MODELS = [Clinic, Department, Doctor, Room, RosterTemplate, Schedule, Slot, VisitType, ReleaseRun]


@pytest.fixture
def client():
    return client_of(scheduler())


def page(model, name="changelist", *arguments):
    return reverse(f"admin:scheduling_{model._meta.model_name}_{name}", args=arguments)


def errors_in(response):
    return response.context["adminform"].form.errors


def rows_of_every_model():
    """Make one more row of everything that the workbench lists."""
    template = RosterTemplateFactory()
    ReleaseRunFactory(department=template.doctor.department, clashes=CLASHES)
    return SlotFactory(schedule__template=template, schedule__doctor=template.doctor)


# Lists


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@pytest.mark.parametrize("rows", [1, 12])
def test_a_list_costs_at_most_14_queries_however_long_it_is(
    model, rows, client, django_assert_max_num_queries
):
    for _ in range(rows):
        rows_of_every_model()
    client.get("/admin/")

    with django_assert_max_num_queries(14):
        response = client.get(page(model))

    assert response.status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_row_opens_and_its_page_has_no_inline_style_or_script(model, client):
    rows_of_every_model()
    row = model.objects.order_by("pk").first()

    response = client.get(page(model, "change", row.pk))

    assert response.status_code == 200
    html = response.content.decode()
    assert not re.search(r"<[^>]+\sstyle=|<script(?![^>]+src=)(?![^>]+application/json)", html)


@pytest.mark.parametrize("typed", ["陈", "chenwei", "CW", "chén", "d-7"])
def test_a_doctor_is_found_as_members_find_them(typed, client):
    DoctorFactory(name_en="Chen Wei", name_zh="陈伟", code="D-7")
    DoctorFactory(name_en="Ann Li", name_zh="李安", code="X1")

    response = client.get(page(Doctor), {"q": typed})

    assert [doctor.code for doctor in response.context["cl"].result_list] == ["D-7"]


def test_no_list_offers_doctors_or_rooms_as_a_filter():
    for model in MODELS:
        for one in admin.site._registry[model].list_filter:
            name = one[0] if isinstance(one, tuple) else one
            assert name.rsplit("__")[-1] not in {"doctor", "room", "template", "schedule"}


@pytest.mark.parametrize("model", [Slot, ReleaseRun])
def test_places_and_runs_are_only_read(model, client):
    rows_of_every_model()
    row = model.objects.order_by("pk").first()

    assert client.get(page(model, "add")).status_code == 403
    assert client.post(page(model, "change", row.pk), {"number": 5}).status_code == 403
    assert client.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_without_permission_nothing_opens():
    nobody = client_of(staff())

    for model in MODELS:
        assert nobody.get(page(model)).status_code == 403
    assert nobody.get(reverse("admin:releases")).status_code == 403


# Doctors and rosters


def test_a_doctor_gets_an_address_name_and_words_to_be_found_by(client):
    department = DepartmentFactory()

    client.post(
        page(Doctor, "add"),
        {
            "code": "D0042",
            "department": department.pk,
            "name_en": "Zeng Min",
            "name_zh": "曾敏",
            "title": "chief",
            "gender": "female",
            "is_active": "on",
        },
    )

    doctor = Doctor.objects.get(code="D0042")
    assert doctor.slug == "zeng-min-d0042"
    assert doctor.search_text == "zeng min 曾敏 zengmin zm d0042"


def test_an_address_name_that_is_taken_is_a_form_error(client):
    doctor = DoctorFactory(code="D-1", slug="chen-wei-d-1")
    form = {"code": "D 1", "department": doctor.department.pk, "name_en": "Chen Wei"}

    response = client.post(
        page(Doctor, "add"), form | {"name_zh": "陈伟", "title": "chief", "gender": "male"}
    )

    assert list(errors_in(response)) == ["slug"]


def test_renaming_a_doctor_keeps_the_address_name():
    doctor = DoctorFactory(slug="chen-wei-1")
    doctor.name_en = "Wei Chen"
    doctor.save(update_fields=["name_en"])

    doctor.refresh_from_db()
    assert doctor.slug == "chen-wei-1"
    assert "wei chen" in doctor.search_text


def roster(template=None, **fields):
    row = template or RosterTemplateFactory.build(
        doctor=DoctorFactory(), room=RoomFactory(), visit_type=VisitTypeFactory()
    )
    return {
        "doctor": row.doctor.pk,
        "room": row.room.pk,
        "visit_type": row.visit_type.pk,
        "weekday": row.weekday,
        "start_time": "08:00",
        "end_time": "12:00",
        "max_appointments": 12,
        "fee": "180.00",
        "desk_places": "0",
        "valid_from": "2026-01-01",
    } | fields


def test_a_roster_template_is_added(client):
    response = client.post(page(RosterTemplate, "add"), roster())

    assert response.status_code == 302
    assert RosterTemplate.objects.count() == 1


def test_a_clash_of_the_doctor_is_named(client):
    first = RosterTemplateFactory(room__code="R2")

    response = client.post(
        page(RosterTemplate, "add"), roster(doctor=first.doctor.pk, start_time="11:30")
    )

    assert errors_in(response) == {
        "doctor": [f"Chen Wei already sits Monday 08:00–12:00 in room R2 (template {first.pk})."]
    }
    assert RosterTemplate.objects.count() == 1


def test_a_clash_of_the_room_is_named(client):
    first = RosterTemplateFactory(room__code="R2")

    response = client.post(page(RosterTemplate, "add"), roster(room=first.room.pk))

    assert errors_in(response) == {
        "room": [f"Room R2 is used by Chen Wei Monday 08:00–12:00 (template {first.pk})."]
    }


def test_a_template_does_not_clash_with_itself(client):
    template = RosterTemplateFactory()

    response = client.post(
        page(RosterTemplate, "change", template.pk),
        roster(template, max_appointments=10, confirmed="yes"),
    )

    assert response.status_code == 302
    template.refresh_from_db()
    assert template.max_appointments == 10


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"end_time": "08:00"}, "end_time", "The end must come after the start."),
        ({"end_time": "20:01"}, "end_time", "A session lasts 12 hours at most."),
        (
            {"valid_until": "2025-12-31"},
            "valid_until",
            "The last day must not come before the first.",
        ),
        (
            {"max_appointments": 0},
            "max_appointments",
            "Ensure this value is greater than or equal to 1.",
        ),
    ],
)
def test_an_impossible_template_is_explained_once(fields, field, told, client):
    response = client.post(page(RosterTemplate, "add"), roster(**fields))

    assert errors_in(response) == {field: [told]}


def test_a_room_of_another_clinic_is_refused(client):
    room = RoomFactory(clinic=ClinicFactory(code="west"))

    response = client.post(page(RosterTemplate, "add"), roster(room=room.pk))

    assert errors_in(response) == {"room": ["This room is in another clinic than the doctor."]}


# Schedules


def draft_form(**fields):
    return {
        "doctor": fields.pop("doctor", None) or DoctorFactory().pk,
        "room": fields.pop("room", None) or RoomFactory().pk,
        "visit_type": VisitTypeFactory().pk,
        "service_date": "2099-11-26",
        "start_time": "08:00",
        "end_time": "12:00",
        "max_appointments": 12,
        "fee": "180.00",
    } | fields


def drafted(client, **fields):
    response = client.post(page(Schedule, "add"), draft_form(**fields))
    assert response.status_code == 302, errors_in(response)
    return Schedule.objects.latest("pk")


def test_a_draft_is_typed_in_clinic_time(client):
    overseas = ClinicFactory(code="new-york", time_zone="America/New_York")
    doctor = DoctorFactory(department__clinic=overseas)

    schedule = drafted(client, doctor=doctor.pk, room=RoomFactory(clinic=overseas).pk)

    assert schedule.state == ScheduleState.DRAFT
    assert schedule.department == doctor.department
    assert schedule.starts_at == datetime(2099, 11, 26, 13, tzinfo=UTC)
    assert not schedule.slots.exists()
    shown = client.get(page(Schedule, "change", schedule.pk)).context["adminform"].form
    assert shown["start_time"].value() == time(8)


def test_drafts_may_clash(client):
    schedule = drafted(client)

    response = client.post(
        page(Schedule, "add"), draft_form(doctor=schedule.doctor.pk, start_time="11:00")
    )

    assert response.status_code == 302
    assert Schedule.objects.filter(doctor=schedule.doctor, state="draft").count() == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"end_time": "08:00"}, "end_time"),
        ({"service_date": "2020-01-01"}, "service_date"),
        ({"start_time": ""}, "start_time"),
        ({"fee": "-1"}, "fee"),
    ],
)
def test_an_impossible_draft_is_explained(fields, field, client):
    response = client.post(page(Schedule, "add"), draft_form(**fields))

    assert list(errors_in(response)) == [field]


def test_of_two_people_who_edit_a_draft_the_second_is_told(client):
    schedule = drafted(client)
    form = draft_form(doctor=schedule.doctor.pk, room=schedule.room.pk, read_version=1)

    first = client.post(page(Schedule, "change", schedule.pk), form | {"fee": "200.00"})
    second = client.post(page(Schedule, "change", schedule.pk), form | {"fee": "220.00"})

    assert first.status_code == 302
    assert "Somebody changed this schedule" in str(errors_in(second))
    schedule.refresh_from_db()
    assert (schedule.fee, schedule.version) == (Decimal("200.00"), 2)
    assert OperationLog.objects.filter(action="schedule.changed").count() == 2


def test_publishing_asks_first_and_then_makes_the_places(client):
    schedule = drafted(client)
    chosen = {"action": "publish", "_selected_action": [schedule.pk]}

    asked = client.post(page(Schedule), chosen)
    schedule.refresh_from_db()
    assert (asked.status_code, schedule.state) == (200, ScheduleState.DRAFT)

    client.post(page(Schedule), chosen | {"confirmed": "yes"})
    schedule.refresh_from_db()
    assert schedule.state == ScheduleState.PUBLISHED
    assert schedule.slots.count() == 12


def test_a_published_schedule_is_read_and_not_written_in_its_form(client):
    schedule = schedule_with_slots(9)

    shown = client.get(page(Schedule, "change", schedule.pk)).content.decode()
    posted = client.post(page(Schedule, "change", schedule.pk), draft_form(fee="1.00"))

    assert 'name="fee"' not in shown
    assert reverse("admin:scheduling_schedule_adjust", args=[schedule.pk]) in shown
    assert posted.status_code == 403
    schedule.refresh_from_db()
    assert schedule.fee == Decimal("180.00")


def test_a_published_schedule_is_adjusted_on_its_own_page(client):
    schedule = schedule_with_slots(9)
    other = RoomFactory()
    adjust = page(Schedule, "adjust", schedule.pk)
    form = {"room": other.pk, "max_appointments": 10, "fee": "200.00", "version": 1}
    assert client.get(adjust).status_code == 200

    response = client.post(adjust, form)

    assert response.status_code == 302
    schedule.refresh_from_db()
    assert (schedule.room, schedule.max_appointments) == (other, 10)
    assert schedule.slots.count() == 10
    again = client.post(adjust, form | {"max_appointments": 11})
    assert again.status_code == 422
    assert "in the meantime" in again.content.decode()


def test_adjusting_is_refused_in_words(client):
    schedule, other = schedule_with_slots(9), ScheduleFactory()
    fill(schedule, 7)
    form = {"room": schedule.room.pk, "max_appointments": 6, "fee": "200.00", "version": 1}

    shrunk = client.post(page(Schedule, "adjust", schedule.pk), form)
    moved = client.post(
        page(Schedule, "adjust", schedule.pk), form | {"max_appointments": 9, "room": other.room.pk}
    )

    assert "Place 7 is taken" in shrunk.content.decode()
    assert f"Room {other.room} is used by" in moved.content.decode()
    assert client.post(page(Schedule, "adjust", 0), form).status_code == 404
    viewer = client_of(staff("view_schedule"))
    assert viewer.get(page(Schedule, "adjust", schedule.pk)).status_code == 403


def test_a_schedule_is_never_deleted(client):
    schedule = drafted(client)

    assert client.post(page(Schedule, "delete", schedule.pk), {"post": "yes"}).status_code == 403


# Releases


def test_run_now_makes_the_coming_fortnight_and_says_so(client, time_machine):
    time_machine.move_to(NIGHT + timedelta(hours=8), tick=False)
    client = client_of(person := scheduler())
    RosterTemplateFactory(weekday=3)

    shown = client.get(reverse("admin:releases"))
    told = client.post(reverse("admin:releases"), follow=True)
    again = client.post(reverse("admin:releases"), follow=True)

    assert "15 dates of departments have something to make" in shown.content.decode()
    assert "3 schedules with 36 places were made for 3 dates." in told.content.decode()
    assert "Nothing was missing; nothing was made." in again.content.decode()
    assert Schedule.objects.count() == 3
    log = OperationLog.objects.filter(action="release.run")
    assert set(log.values_list("actor_uid", flat=True)) == {person.uid}


def test_run_now_needs_its_permission():
    viewer = client_of(staff("view_releaserun"))

    assert "Run now</button>" not in viewer.get(reverse("admin:releases")).content.decode()
    assert viewer.post(reverse("admin:releases")).status_code == 403
    assert not ReleaseRun.objects.exists()


def test_a_run_says_what_it_could_not_follow_and_why(client, time_machine):
    time_machine.move_to(NIGHT, tick=False)
    client = client_of(scheduler())
    template = RosterTemplateFactory(weekday=3, room__code="R2")
    ScheduleFactory(
        doctor=template.doctor,
        room__code="R9",
        service_date=date(2026, 11, 26),
        starts_at=datetime.fromisoformat("2026-11-26T11:00+08:00"),
    )
    told = client.post(reverse("admin:releases"), follow=True).content.decode()
    run = ReleaseRun.objects.get(service_date=date(2026, 11, 26))

    shown = client.get(page(ReleaseRun, "change", run.pk)).content.decode()

    assert "1 roster template could not be followed" in told
    assert "Chen Wei · Thursday 08:00–12:00 · R2: Chen Wei already sits Thu 26 Nov, 11:00" in shown


def test_a_failed_date_is_told(client):
    template = RosterTemplateFactory()
    break_inserts_for(template.doctor.department)

    told = client.post(reverse("admin:releases"), follow=True).content.decode()

    assert "failed. The next run tries" in told
    assert ReleaseRun.objects.filter(state=RunState.FAILED).exists()


def test_an_overdue_release_is_told_on_the_home_page(client):
    RosterTemplateFactory()

    assert "The release is overdue" in client.get("/admin/").content.decode()
    assert client.get("/readyz").json()["status"] == "degraded"

    make_due_schedules(now=clock.now())
    assert "The release is overdue" not in client.get("/admin/").content.decode()


def test_accounts_are_shown_to_those_who_may_see_accounts(client):
    doctor = DoctorFactory(user=UserFactory())

    html = client.get(page(Doctor, "change", doctor.pk)).content.decode()

    assert 'name="user"' not in html
