"""What does the database itself refuse? Each constraint by its name."""

import uuid
from datetime import date, time, timedelta
from decimal import Decimal
from importlib import import_module

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import F

from medbook.locks import broken_constraint
from scheduling.choices import ScheduleState, SlotState
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
from tests.factories import (
    DepartmentFactory,
    ReleaseRunFactory,
    RoomFactory,
    RosterTemplateFactory,
    ScheduleFactory,
    SlotFactory,
    VisitTypeFactory,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def refused_by(constraint, act):
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        act()
    assert broken_constraint(refusal.value) == constraint


def rostered_beside(template, **fields):
    """Roster another doctor in another room at the same time, changed by fields."""
    return RosterTemplateFactory(**{"weekday": template.weekday} | fields)


# Roster templates


@pytest.mark.parametrize(
    ("name", "shared"),
    [("doctor_rostered_once_at_a_time", "doctor"), ("room_rostered_once_at_a_time", "room")],
)
def test_a_doctor_and_a_room_are_rostered_once_at_a_time(name, shared):
    template = RosterTemplateFactory(valid_until=date(2026, 6, 30))
    row = {shared: getattr(template, shared)}

    refused_by(name, lambda: rostered_beside(template, **row))
    refused_by(name, lambda: rostered_beside(template, **row, start_time=time(11, 59)))
    refused_by(name, lambda: rostered_beside(template, **row, valid_from=date(2026, 6, 30)))

    rostered_beside(template, **row, valid_from=date(2026, 7, 1))
    rostered_beside(template, **row, weekday=1)
    rostered_beside(template, **row, start_time=time(12), end_time=time(13))
    rostered_beside(template)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("roster_starts_before_it_ends", {"start_time": time(12)}),
        ("roster_lasts_at_most_12_hours", {"end_time": time(20, 1)}),
        ("roster_is_valid_for_a_while", {"valid_until": date(2019, 12, 31)}),
        ("roster_has_places", {"max_appointments": 0}),
        ("roster_has_places", {"max_appointments": 5001}),
        ("roster_fee_is_not_negative", {"fee": Decimal("-0.01")}),
        ("roster_weekday_exists", {"weekday": 7}),
    ],
)
def test_a_roster_template_is_possible(name, fields):
    template = RosterTemplateFactory()

    # The exclusion constraints cannot even read an impossible row; the checks name it first.
    refused_by(name, lambda: RosterTemplate.objects.filter(pk=template.pk).update(**fields))


def test_a_roster_template_may_last_12_hours_and_have_5000_places_for_nothing():
    RosterTemplateFactory(end_time=time(20), max_appointments=5000, fee=Decimal(0))


# Schedules


@pytest.mark.parametrize(
    ("name", "shared"),
    [("doctor_sits_once_at_a_time", "doctor"), ("room_used_once_at_a_time", "room")],
)
def test_a_doctor_sits_and_a_room_is_used_once_at_a_time(name, shared):
    schedule = ScheduleFactory()
    row = {shared: getattr(schedule, shared), "service_date": schedule.service_date}
    overlapping = row | {"starts_at": schedule.ends_at - timedelta(seconds=1)}

    refused_by(name, lambda: ScheduleFactory(**overlapping))
    refused_by(name, lambda: ScheduleFactory(**overlapping, state=ScheduleState.FINISHED))
    draft = ScheduleFactory(**overlapping, state=ScheduleState.DRAFT)
    draft.state = ScheduleState.PUBLISHED
    refused_by(name, draft.save)

    ScheduleFactory(**row, starts_at=schedule.ends_at)
    ScheduleFactory(**overlapping, state=ScheduleState.CALLED_OFF)


def test_a_called_off_schedule_cannot_come_back_into_the_way():
    schedule = ScheduleFactory(state=ScheduleState.CALLED_OFF)
    ScheduleFactory(doctor=schedule.doctor)

    schedule.state = ScheduleState.PUBLISHED
    refused_by("doctor_sits_once_at_a_time", schedule.save)


def test_a_template_makes_one_schedule_a_date():
    template = RosterTemplateFactory()
    schedule = ScheduleFactory(template=template)

    refused_by(
        "one_schedule_per_template_and_date",
        lambda: ScheduleFactory(template=template, service_date=schedule.service_date),
    )
    ScheduleFactory(template=template, service_date=schedule.service_date + timedelta(days=7))
    ScheduleFactory(template=None, service_date=schedule.service_date)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("schedule_lasts_at_most_12_hours", {"ends_at": F("starts_at")}),
        ("schedule_lasts_at_most_12_hours", {"ends_at": F("starts_at") + timedelta(hours=12.1)}),
        ("schedule_has_places", {"max_appointments": 0}),
        ("schedule_has_places", {"max_appointments": 5001}),
        ("schedule_fee_is_not_negative", {"fee": Decimal("-0.01")}),
        ("schedule_state_is_known", {"state": "open"}),
        ("schedule_rush_mode_is_known", {"rush_mode": "stampede"}),
    ],
)
def test_a_schedule_is_possible(name, fields):
    schedule = ScheduleFactory()

    refused_by(name, lambda: Schedule.objects.filter(pk=schedule.pk).update(**fields))


# Places


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("one_slot_per_number", {"number": 1}),
        ("slot_number_starts_at_one", {"number": 0}),
        ("slot_starts_before_it_ends", {"ends_at": F("starts_at")}),
        ("slot_state_is_known", {"state": "sold"}),
        ("slot_number_within_schedule", {"number": 4}),
        ("slot_period_within_schedule", {"starts_at": F("starts_at") - HOUR}),
        ("slot_period_within_schedule", {"ends_at": F("ends_at") + 3 * HOUR}),
    ],
)
def test_a_place_fits_its_schedule(name, fields):
    slot = schedule_with_slots(3).slots.get(number=2)

    refused_by(name, lambda: Slot.objects.filter(pk=slot.pk).update(**fields))


def test_a_new_place_fits_its_schedule():
    schedule = schedule_with_slots(3)

    refused_by("slot_number_within_schedule", lambda: SlotFactory(schedule=schedule, number=4))
    schedule.max_appointments = 4
    schedule.save()
    refused_by(
        "slot_period_within_schedule",
        lambda: SlotFactory(schedule=schedule, number=4, starts_at=schedule.starts_at - HOUR),
    )
    refused_by(
        "slot_period_within_schedule",
        lambda: SlotFactory(schedule=schedule, number=4, ends_at=schedule.ends_at + HOUR),
    )
    SlotFactory(schedule=schedule, number=4)


def test_places_of_many_schedules_are_checked_in_one_statement():
    schedules = [ScheduleFactory(max_appointments=2) for _ in range(3)]
    slots = [SlotFactory.build(schedule=one, number=n) for one in schedules for n in (1, 2, 3)]

    refused_by("slot_number_within_schedule", lambda: Slot.objects.bulk_create(slots))


def test_a_schedule_cannot_shrink_below_its_places_unless_they_are_blocked():
    schedule = schedule_with_slots(3)
    shrink = Schedule.objects.filter(pk=schedule.pk).update

    refused_by("slot_number_within_schedule", lambda: shrink(max_appointments=2))
    refused_by("slot_period_within_schedule", lambda: shrink(starts_at=F("starts_at") + HOUR / 2))
    refused_by("slot_period_within_schedule", lambda: shrink(ends_at=F("ends_at") - 2.5 * HOUR))

    last = schedule.slots.filter(number=3)
    last.update(state=SlotState.BLOCKED)
    shrink(max_appointments=2)
    refused_by("slot_number_within_schedule", lambda: last.update(state=SlotState.FREE))


@pytest.mark.parametrize("state", ["published", "finished", "called_off"])
def test_places_of_a_published_schedule_are_never_deleted(state):
    schedule = schedule_with_slots(3)
    Schedule.objects.filter(pk=schedule.pk).update(state=state)

    refused_by("published_slots_are_kept", schedule.slots.all().delete)
    refused_by(
        "published_schedules_stay_published",
        lambda: Schedule.objects.filter(pk=schedule.pk).update(state="draft"),
    )


def test_places_of_a_draft_may_go():
    schedule = schedule_with_slots(3, state=ScheduleState.DRAFT)

    assert schedule.slots.all().delete()[0] == 3


def test_claiming_a_place_does_not_ask_its_schedule():
    """Booking must not wait for whoever holds the schedule, nor pay for a look at it."""
    schedule = schedule_with_slots(1)

    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (ANALYZE, FORMAT TEXT) UPDATE scheduling_slot SET state = 'blocked'"
            " WHERE schedule_id = %s",
            [schedule.pk],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Trigger unblocked_slot_fits_its_schedule" not in plan
    assert "Trigger moved_slot_fits_its_schedule" not in plan


# The rest


def test_a_department_s_date_has_one_run():
    run = ReleaseRunFactory()

    refused_by(
        "one_run_per_department_and_date",
        lambda: ReleaseRunFactory(department=run.department, service_date=run.service_date),
    )
    refused_by(
        "run_state_is_known", lambda: ReleaseRun.objects.filter(pk=run.pk).update(state="lost")
    )


def test_a_room_s_code_is_unique_in_its_clinic():
    room = RoomFactory()

    refused_by("one_room_per_code", lambda: RoomFactory(clinic=room.clinic, code=room.code))


@pytest.mark.parametrize("days", [0, 91])
def test_a_horizon_is_1_to_90_days(days):
    department = DepartmentFactory()

    refused_by(
        "department_horizon_is_1_to_90_days",
        lambda: Department.objects.filter(pk=department.pk).update(horizon_days=days),
    )


@pytest.mark.parametrize("minutes", [0, 481])
def test_a_visit_lasts_1_to_480_minutes(minutes):
    kind = VisitTypeFactory()

    refused_by(
        "visit_type_lasts_1_to_480_minutes",
        lambda: VisitType.objects.filter(pk=kind.pk).update(length_minutes=minutes),
    )


@pytest.mark.parametrize(
    "model", [Clinic, Department, Doctor, Room, RosterTemplate, Schedule, Slot, VisitType]
)
def test_a_public_id_never_changes(model):
    slot = SlotFactory(schedule__template=RosterTemplateFactory())
    assert slot
    row = model.objects.order_by("pk").first()

    with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
        model.objects.filter(pk=row.pk).update(uid=uuid.uuid4())


def test_the_triggers_can_be_taken_back_and_put_again():
    migration = import_module("scheduling.migrations.0002_slots_fit_their_schedule")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute(migration.REVERSE)
        cursor.execute(migration.FORWARD)
    refused_by("slot_number_within_schedule", lambda: SlotFactory(number=10))
