"""How do staff plan, publish and change single schedules?"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import connection

from medbook import clock
from medbook.audit.models import OperationLog
from medbook.errors import Missing
from medbook.idempotency.services import IdempotencyKeyReused
from scheduling.choices import ScheduleState, SlotState
from scheduling.errors import (
    AboveWeeklyHours,
    CapacityBelowBooked,
    DoctorInactive,
    DoctorOnLeave,
    InThePast,
    RoomClosed,
    RoomElsewhere,
    ScheduleClash,
    SessionImpossible,
    VersionConflict,
    WrongState,
)
from scheduling.models import Schedule
from scheduling.services.rosters import (
    SessionPlan,
    change_schedule,
    delete_draft,
    draft_schedule,
    publish_schedule,
)
from tests.appointments.booking import book, fill
from tests.factories import (
    ClinicFactory,
    DoctorFactory,
    LeaveFactory,
    RoomFactory,
    ScheduleFactory,
    UserFactory,
    VisitTypeFactory,
    member_with_patient,
    schedule_with_slots,
)
from tests.racing import counted, together

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
NOW = datetime.fromisoformat("2026-11-23T12:00+08:00").astimezone(UTC)


def plan(**fields):
    return SessionPlan(
        **{
            "doctor": fields.get("doctor") or DoctorFactory(),
            "room": fields.get("room") or RoomFactory(),
            "visit_type": VisitTypeFactory(),
            "service_date": date(2026, 11, 26),
            "start_time": time(8),
            "end_time": time(12),
            "max_appointments": 12,
            "fee": Decimal("180.00"),
        }
        | fields
    )


def draft(**fields):
    return draft_schedule(plan=plan(**fields), by=UserFactory(), now=NOW).schedule


def change(schedule, **fields):
    given = {"version": schedule.version, "by": UserFactory(), "now": clock.now()} | fields
    return change_schedule(schedule_uid=schedule.uid, **given)


def publish(schedule, now=NOW):
    return publish_schedule(schedule_uid=schedule.uid, by=UserFactory(), now=now)


def states(schedule):
    return dict(schedule.slots.order_by("number").values_list("number", "state"))


def test_a_draft_has_its_departments_times_and_no_places():
    schedule = draft()

    assert schedule.state == ScheduleState.DRAFT
    assert schedule.department == schedule.doctor.department
    assert schedule.starts_at == datetime(2026, 11, 26, 0, tzinfo=UTC)
    assert schedule.release_at == datetime(2026, 11, 18, 23, tzinfo=UTC)
    assert not schedule.slots.exists()


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"end_time": time(8)}, SessionImpossible),
        ({"start_time": time(7), "end_time": time(19, 1)}, SessionImpossible),
        ({"service_date": date(2026, 11, 22)}, InThePast),
    ],
)
def test_an_impossible_session_is_not_drafted(fields, refusal):
    with pytest.raises(refusal):
        draft(**fields)
    assert not Schedule.objects.exists()


def test_a_draft_is_not_made_in_another_clinics_room():
    with pytest.raises(RoomElsewhere):
        draft(room=RoomFactory(clinic=ClinicFactory(code="west")))


def test_the_same_key_drafts_once():
    by, wish = UserFactory(), plan()

    first, second = (
        draft_schedule(plan=wish, by=by, now=NOW, idempotency_key="once") for _ in range(2)
    )

    assert (first.is_replay, second.is_replay) == (False, True)
    assert first.schedule == second.schedule
    with pytest.raises(IdempotencyKeyReused):
        draft_schedule(plan=plan(), by=by, now=NOW, idempotency_key="once")
    assert Schedule.objects.count() == 1


def test_drafts_may_clash_and_publishing_names_what_is_in_the_way():
    first = draft()
    same_doctor = draft(doctor=first.doctor, start_time=time(11), end_time=time(13))
    same_room = draft(room=first.room)
    publish(first)

    with pytest.raises(ScheduleClash) as refusal:
        publish(same_doctor)
    assert refusal.value.detail == (
        f"Chen Wei already sits Thu 26 Nov, 08:00–12:00 in room {first.room}."
    )
    with pytest.raises(ScheduleClash) as refusal:
        publish(same_room)
    assert refusal.value.detail == f"Room {first.room} is used by Chen Wei Thu 26 Nov, 08:00–12:00."


def test_publishing_a_draft_makes_its_places_once():
    schedule = publish(draft())

    assert (schedule.state, schedule.version) == (ScheduleState.PUBLISHED, 2)
    assert states(schedule) == dict.fromkeys(range(1, 13), SlotState.FREE)
    with pytest.raises(WrongState):
        publish(schedule)
    assert schedule.slots.count() == 12
    log = OperationLog.objects.get(action="schedule.published")
    assert (log.subject_uid, log.facts) == (schedule.uid, {"places": 12})


def test_what_is_over_or_unknown_is_not_published():
    schedule = draft()

    with pytest.raises(InThePast):
        publish(schedule, now=schedule.ends_at)
    with pytest.raises(Missing):
        publish(ScheduleFactory.build())


def test_a_failing_publication_leaves_a_draft():
    schedule = draft(max_appointments=12)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE 'no'; END $$;"
            "CREATE TRIGGER break BEFORE INSERT ON audit_operationlog FOR EACH ROW"
            " EXECUTE FUNCTION break();"
        )

    with pytest.raises(Exception, match="no"):
        publish(schedule)

    schedule.refresh_from_db()
    assert (schedule.state, schedule.version) == (ScheduleState.DRAFT, 1)
    assert not schedule.slots.exists()


def test_a_change_is_refused_to_whoever_saw_an_older_version():
    schedule = schedule_with_slots(9)
    change(schedule, fee=Decimal("200.00"))

    with pytest.raises(VersionConflict):
        change(schedule, fee=Decimal("220.00"))

    schedule.refresh_from_db()
    assert (schedule.fee, schedule.version) == (Decimal("200.00"), 2)


def test_a_change_that_changes_nothing_makes_no_version_and_no_record():
    schedule = schedule_with_slots(9)

    assert change(schedule, max_appointments=9).version == 1
    assert not OperationLog.objects.exists()


def test_the_room_changes_unless_it_is_in_use_or_elsewhere():
    schedule = schedule_with_slots(9)
    other = ScheduleFactory()

    with pytest.raises(ScheduleClash, match="schedule_clash"):
        change(schedule, room=other.room)
    with pytest.raises(RoomElsewhere):
        change(schedule, room=RoomFactory(clinic=ClinicFactory(code="west")))
    changed = change(schedule, room=(free := RoomFactory()))

    assert changed.room == free
    log = OperationLog.objects.get(action="schedule.changed")
    assert log.changed_fields == ["room"]


def test_more_places_are_added_within_the_session():
    schedule = schedule_with_slots(9)

    change(schedule, max_appointments=12)

    assert states(schedule) == dict.fromkeys(range(1, 13), SlotState.FREE)
    starts = (
        schedule.slots.filter(number__gt=9).order_by("number").values_list("starts_at", flat=True)
    )
    assert [(start - schedule.starts_at) / timedelta(hours=1) for start in starts] == [0, 1, 2]


def test_fewer_places_block_the_free_ones_above_and_more_open_them_again():
    schedule = schedule_with_slots(9)

    schedule = change(schedule, max_appointments=7)
    assert states(schedule) == {**dict.fromkeys(range(1, 8), "free"), 8: "blocked", 9: "blocked"}

    change(schedule, max_appointments=10)
    assert states(schedule) == dict.fromkeys(range(1, 11), "free")


def test_what_has_begun_is_not_opened_again():
    schedule = schedule_with_slots(9)
    schedule = change(schedule, max_appointments=7)
    eighth, ninth = schedule.slots.filter(number__in=[8, 9]).order_by("number")
    assert eighth.starts_at < ninth.starts_at

    change(schedule, max_appointments=9, now=eighth.starts_at)

    assert states(schedule) == {**dict.fromkeys(range(1, 10), "free"), 8: "blocked"}


def test_a_place_that_staff_blocked_stays_blocked_when_places_are_added():
    schedule = schedule_with_slots(9)
    schedule.slots.filter(number=3).update(state=SlotState.BLOCKED)

    schedule = change(schedule, max_appointments=8)
    change(schedule, max_appointments=9)

    assert states(schedule)[3] == SlotState.BLOCKED


def test_places_never_fall_below_a_taken_one():
    schedule = schedule_with_slots(9)
    fill(schedule, 2, 7)

    with pytest.raises(CapacityBelowBooked) as refusal:
        change(schedule, max_appointments=6)

    assert refusal.value.facts["number"] == 7
    assert set(states(schedule).values()) == {"free", "taken"}
    assert change(schedule, max_appointments=7).max_appointments == 7


def test_places_of_a_draft_change_without_slots():
    schedule = draft()

    assert change(schedule, max_appointments=30, now=NOW).max_appointments == 30
    assert not schedule.slots.exists()


@pytest.mark.parametrize("state", [ScheduleState.CALLED_OFF, ScheduleState.FINISHED])
def test_what_is_called_off_or_finished_does_not_change(state):
    with pytest.raises(WrongState):
        change(ScheduleFactory(state=state), fee=Decimal(1))


def test_what_is_over_does_not_change():
    schedule = ScheduleFactory()

    with pytest.raises(InThePast):
        change(schedule, fee=Decimal(1), now=schedule.ends_at)


@pytest.mark.django_db(transaction=True)
def test_a_booking_and_a_shrinking_at_once_never_both_get_the_last_place():
    """Whoever comes first wins; the place is taken and kept, or blocked and refused."""
    for _ in range(10):
        schedule = schedule_with_slots(2)
        fill(schedule, 1)

        outcomes = together(
            partial(book, member_with_patient(), schedule),
            partial(change, schedule, max_appointments=1),
        )

        schedule.refresh_from_db()
        answers = counted(outcomes)
        assert answers["done"] == 1, answers
        is_booked = states(schedule)[2] == SlotState.TAKEN
        assert schedule.max_appointments == (2 if is_booked else 1)
        assert is_booked or states(schedule)[2] == SlotState.BLOCKED


# What keeps a draft from being published


def test_leave_a_closed_room_or_a_doctor_who_left_keep_a_draft_unpublished_whatever_the_reason():
    on_leave, closed = draft(), draft(room=RoomFactory(is_active=False))
    of_who_left = draft(doctor=DoctorFactory(is_active=False))
    LeaveFactory(
        doctor=on_leave.doctor, starts_at=on_leave.starts_at, ends_at=on_leave.starts_at + HOUR
    )

    for schedule, refusal in (
        (on_leave, DoctorOnLeave),
        (closed, RoomClosed),
        (of_who_left, DoctorInactive),
    ):
        with pytest.raises(refusal):
            publish_schedule(
                schedule_uid=schedule.uid, by=UserFactory(), now=NOW, reason="We insist"
            )
        schedule.refresh_from_db()
        assert schedule.state == ScheduleState.DRAFT


def test_hours_above_those_agreed_need_a_reason_which_the_log_keeps():
    doctor = DoctorFactory(weekly_hours=6)
    publish(draft(doctor=doctor))
    next_week = draft(doctor=doctor, service_date=date(2026, 11, 30))
    too_long = draft(doctor=doctor, service_date=date(2026, 11, 29))

    with pytest.raises(AboveWeeklyHours) as refusal:
        publish(too_long)
    assert (refusal.value.facts["hours"], refusal.value.facts["limit"]) == ("8.0", 6)
    publish(next_week)
    publish_schedule(
        schedule_uid=too_long.uid, by=UserFactory(), now=NOW, reason="Stands in for a colleague"
    )

    log = OperationLog.objects.filter(action="schedule.published").latest("id")
    assert log.reason == "Stands in for a colleague"
    assert log.facts["overridden"] == ["above_weekly_hours"]


def test_only_drafts_are_deleted_and_by_who_saw_the_last_version():
    schedule, published = draft(), schedule_with_slots(2)
    by = UserFactory()

    with pytest.raises(VersionConflict):
        delete_draft(schedule_uid=schedule.uid, version=2, by=by, now=NOW)
    with pytest.raises(WrongState):
        delete_draft(schedule_uid=published.uid, version=1, by=by, now=NOW)
    delete_draft(schedule_uid=schedule.uid, version=1, by=by, now=NOW)

    assert list(Schedule.objects.all()) == [published]


def test_a_key_whose_draft_was_deleted_finds_nothing():
    by, wish = UserFactory(), plan()
    made = draft_schedule(plan=wish, by=by, now=NOW, idempotency_key="once").schedule
    delete_draft(schedule_uid=made.uid, version=1, by=by, now=NOW)

    with pytest.raises(Missing):
        draft_schedule(plan=wish, by=by, now=NOW, idempotency_key="once")


@pytest.mark.django_db(transaction=True)
def test_two_clashing_drafts_published_at_once_never_both_are():
    for _ in range(4):
        first = draft()
        second = draft(doctor=first.doctor, start_time=time(11), end_time=time(13))

        answers = counted(together(partial(publish, first), partial(publish, second)))

        assert answers["done"] == 1, answers
        assert Schedule.objects.filter(doctor=first.doctor, state="published").count() == 1
