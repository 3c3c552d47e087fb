"""How do weekly patterns become schedules and places, once and only once?"""

import threading
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from medbook.audit.models import OperationLog
from scheduling.choices import RunState, ScheduleState
from scheduling.models import ReleaseRun, Schedule, Slot
from scheduling.selectors import generation
from scheduling.selectors import releases as selectors
from scheduling.services import release
from scheduling.services.release import make_due_schedules
from scheduling.tasks import run_nightly_release
from tests.factories import (
    ClinicFactory,
    DepartmentFactory,
    DoctorFactory,
    RosterTemplateFactory,
    ScheduleFactory,
    UserFactory,
)
from tests.scheduling.breaking import break_inserts, break_inserts_for, mend_inserts

pytestmark = pytest.mark.django_db

NIGHT = datetime.fromisoformat("2026-11-26T02:00+08:00").astimezone(UTC)  # a Thursday
TODAY, LAST = date(2026, 11, 26), date(2026, 12, 10)
DAY = timedelta(days=1)


def made_dates():
    return sorted(Schedule.objects.values_list("service_date", flat=True))


def totals(made):
    return sum(date.schedules for date in made), sum(date.slots for date in made)


def test_makes_every_asked_for_date_of_the_horizon_with_its_places():
    template = RosterTemplateFactory(weekday=3, max_appointments=12)

    made = make_due_schedules(now=NIGHT)

    assert made_dates() == [TODAY, TODAY + 7 * DAY, LAST]
    assert totals(made) == (3, 36)
    schedule = Schedule.objects.order_by("service_date").last()
    assert schedule.template == template
    assert schedule.state == ScheduleState.PUBLISHED
    assert (schedule.department, schedule.room) == (template.doctor.department, template.room)
    assert (schedule.fee, schedule.currency, schedule.version) == (template.fee, "CNY", 1)
    assert schedule.starts_at == datetime(2026, 12, 10, 0, tzinfo=UTC)
    assert schedule.ends_at == datetime(2026, 12, 10, 4, tzinfo=UTC)
    assert schedule.release_at == datetime(2026, 12, 2, 23, tzinfo=UTC)
    slots = schedule.slots.order_by("number")
    assert [slot.number for slot in slots] == list(range(1, 13))
    assert slots[0].starts_at == schedule.starts_at
    assert slots[11].ends_at == schedule.ends_at
    assert len({slot.uid for slot in Slot.objects.all()}) == 36


def test_notes_one_run_for_each_department_and_date_and_logs_it():
    RosterTemplateFactory(weekday=3)

    make_due_schedules(now=NIGHT, by=(scheduler := UserFactory()))

    runs = ReleaseRun.objects.order_by("service_date")
    assert [run.service_date for run in runs] == [TODAY + n * DAY for n in range(15)]
    assert {run.state for run in runs} == {RunState.DONE}
    assert (runs[0].schedules_made, runs[0].slots_made, runs[1].schedules_made) == (1, 12, 0)
    logged = OperationLog.objects.filter(action="release.run")
    assert logged.count() == 15
    assert set(logged.values_list("actor_uid", flat=True)) == {scheduler.uid}
    assert logged.get(subject_uid=runs[0].uid).facts == {
        "date": "2026-11-26",
        "schedules": 1,
        "places": 12,
        "clashes": 0,
    }


def test_a_second_run_makes_nothing_and_says_nothing():
    RosterTemplateFactory(weekday=3)
    make_due_schedules(now=NIGHT)
    logged = OperationLog.objects.count()

    assert make_due_schedules(now=NIGHT) == []

    assert len(made_dates()) == 3
    assert OperationLog.objects.count() == logged


def test_after_three_nights_without_a_run_each_missing_date_is_made_once():
    doctor = DoctorFactory()
    for weekday in range(7):
        RosterTemplateFactory(doctor=doctor, weekday=weekday)
    make_due_schedules(now=NIGHT)

    made = make_due_schedules(now=NIGHT + 3 * DAY)

    assert {date.run.service_date for date in made} == {LAST + n * DAY for n in (1, 2, 3)}
    assert made_dates() == [TODAY + n * DAY for n in range(18)]
    assert make_due_schedules(now=NIGHT + 3 * DAY) == []


def test_before_two_in_the_morning_the_next_date_is_not_opened():
    RosterTemplateFactory(weekday=3)
    make_due_schedules(now=NIGHT - DAY)

    assert make_due_schedules(now=NIGHT - timedelta(seconds=1)) == []
    assert LAST not in made_dates()

    make_due_schedules(now=NIGHT)
    assert LAST in made_dates()


def test_a_template_added_later_gets_the_dates_that_were_run_already():
    doctor = DoctorFactory()
    RosterTemplateFactory(doctor=doctor, weekday=3)
    make_due_schedules(now=NIGHT)
    RosterTemplateFactory(doctor=doctor, weekday=4)

    made = make_due_schedules(now=NIGHT)

    assert totals(made) == (2, 24)
    assert {date.run.service_date for date in made} == {date(2026, 11, 27), date(2026, 12, 4)}
    assert ReleaseRun.objects.count() == 15
    assert ReleaseRun.objects.get(service_date=date(2026, 12, 4)).schedules_made == 1


@pytest.mark.parametrize("state", [ScheduleState.CALLED_OFF, ScheduleState.FINISHED])
def test_what_was_called_off_or_is_finished_is_not_made_again(state):
    RosterTemplateFactory(weekday=3)
    make_due_schedules(now=NIGHT)
    Schedule.objects.update(state=state)

    assert make_due_schedules(now=NIGHT) == []
    assert len(made_dates()) == 3


def test_a_template_is_followed_only_while_it_is_valid():
    RosterTemplateFactory(weekday=3, valid_from=date(2026, 12, 3), valid_until=date(2026, 12, 3))

    make_due_schedules(now=NIGHT)

    assert made_dates() == [date(2026, 12, 3)]


@pytest.mark.parametrize("closed", ["doctor", "doctor.department", "doctor.department.clinic"])
def test_nothing_is_made_for_what_is_not_active(closed):
    row = RosterTemplateFactory(weekday=3)
    for name in closed.split("."):
        row = getattr(row, name)
    row.is_active = False
    row.save()

    make_due_schedules(now=NIGHT)

    assert made_dates() == []


def test_a_clash_with_a_schedule_made_by_hand_is_noted_and_stops_nothing_else():
    template = RosterTemplateFactory(weekday=3)
    by_hand = ScheduleFactory(
        doctor=template.doctor,
        service_date=TODAY,
        starts_at=datetime.fromisoformat("2026-11-26T11:00+08:00"),
    )
    same_room = RosterTemplateFactory(weekday=3, room=by_hand.room)
    other = RosterTemplateFactory(weekday=3, doctor__department=template.doctor.department)

    make_due_schedules(now=NIGHT)

    of_today = Schedule.objects.filter(service_date=TODAY)
    assert set(of_today) == {by_hand, other.schedules.get(service_date=TODAY)}
    [clash] = ReleaseRun.objects.get(
        service_date=TODAY, department=template.doctor.department
    ).clashes
    assert clash == {"template": template.id, "reason": "doctor", "schedule": by_hand.id}
    run = ReleaseRun.objects.get(service_date=TODAY, department=same_room.doctor.department)
    [said] = selectors.clash_sentences(run)
    assert "is used by Chen Wei Thu 26 Nov, 11:00" in said
    [clash] = run.clashes
    assert clash == {"template": same_room.id, "reason": "room", "schedule": by_hand.id}


def test_the_next_run_makes_what_a_clash_prevented_once_it_is_out_of_the_way():
    template = RosterTemplateFactory(weekday=3)
    by_hand = ScheduleFactory(
        doctor=template.doctor,
        service_date=TODAY,
        starts_at=datetime.fromisoformat("2026-11-26T11:00+08:00"),
    )
    make_due_schedules(now=NIGHT)
    assert totals(make_due_schedules(now=NIGHT)) == (0, 0)
    Schedule.objects.filter(pk=by_hand.pk).update(state=ScheduleState.CALLED_OFF)

    assert totals(make_due_schedules(now=NIGHT)) == (1, 12)

    assert ReleaseRun.objects.get(service_date=TODAY).clashes == []


def test_a_closed_room_and_an_hour_that_does_not_exist_are_noted():
    clinic = ClinicFactory(code="new-york", time_zone="America/New_York")
    doctor = DoctorFactory(department__clinic=clinic)
    in_the_gap = RosterTemplateFactory(
        doctor=doctor, weekday=6, start_time=time(2, 30), end_time=time(6)
    )
    closed = RosterTemplateFactory(doctor=doctor, weekday=6, room__is_active=False)

    make_due_schedules(now=datetime(2026, 3, 5, 12, tzinfo=UTC))

    run = ReleaseRun.objects.get(service_date=date(2026, 3, 8))
    assert {(clash["template"], clash["reason"]) for clash in run.clashes} == {
        (in_the_gap.id, "hours"),
        (closed.id, "room_closed"),
    }
    assert made_dates() == [date(2026, 3, 15)]
    assert {said.rsplit(": ", 1)[1] for said in selectors.clash_sentences(run)} == {
        "there are no such hours on that day.",
        "the room is not active.",
    }


def test_each_clinic_counts_its_own_days():
    overseas = DoctorFactory(
        department__clinic=ClinicFactory(code="new-york", time_zone="America/New_York")
    )
    for weekday in range(7):
        RosterTemplateFactory(doctor=overseas, weekday=weekday)

    make_due_schedules(now=NIGHT)  # still 13:00 on the 25th there

    assert (made_dates()[0], made_dates()[-1]) == (date(2026, 11, 25), date(2026, 12, 9))


def test_a_failing_department_is_noted_the_others_go_on_and_the_next_run_tries_again():
    broken = RosterTemplateFactory(weekday=3)
    sound = RosterTemplateFactory(weekday=3)
    break_inserts_for(broken.doctor.department)

    make_due_schedules(now=NIGHT)

    assert sound.schedules.count() == 3
    failed = ReleaseRun.objects.filter(state=RunState.FAILED)
    assert {run.department for run in failed} == {broken.doctor.department}
    assert {run.service_date for run in failed} == {TODAY, TODAY + 7 * DAY, LAST}
    assert {run.error for run in failed} == {"ProgrammingError P0001"}
    assert OperationLog.objects.filter(action="release.run", outcome="error").count() == 3
    assert not OperationLog.objects.filter(reason__contains="Chen").exists()

    mend_inserts()
    assert totals(make_due_schedules(now=NIGHT)) == (3, 36)
    assert not ReleaseRun.objects.exclude(state=RunState.DONE, error="").exists()


def test_a_date_that_fails_at_its_last_write_leaves_no_schedule_behind():
    RosterTemplateFactory(weekday=3)
    break_inserts("RAISE 'broken';", table="audit_operationlog", when="NEW.outcome = 'ok'")

    make_due_schedules(now=NIGHT)

    assert not Schedule.objects.exists()
    assert not Slot.objects.exists()
    assert set(ReleaseRun.objects.values_list("state", flat=True)) == {RunState.FAILED}


@pytest.mark.parametrize("doctors", [1, 20])
def test_a_date_costs_27_queries_whatever_the_number_of_doctors(doctors, django_assert_num_queries):
    department = DepartmentFactory(horizon_days=1)
    RosterTemplateFactory.create_batch(doctors, weekday=3, doctor__department=department)

    with django_assert_num_queries(27):
        made = make_due_schedules(now=NIGHT - timedelta(hours=1))

    assert totals(made) == (doctors, doctors * 12)


def test_one_department_can_be_made_alone():
    mine, other = RosterTemplateFactory(weekday=3), RosterTemplateFactory(weekday=3)

    make_due_schedules(now=NIGHT, department_code=mine.doctor.department.code)

    assert mine.schedules.count() == 3
    assert other.schedules.count() == 0


def test_the_night_s_task_makes_what_is_due_at_this_moment(time_machine):
    time_machine.move_to(NIGHT, tick=False)
    RosterTemplateFactory(weekday=3)

    run_nightly_release()

    assert made_dates() == [TODAY, TODAY + 7 * DAY, LAST]


def test_the_release_is_overdue_a_quarter_of_an_hour_after_it_should_have_run():
    RosterTemplateFactory(weekday=3)
    make_due_schedules(now=NIGHT - DAY)

    assert selectors.overdue_release(now=NIGHT + timedelta(minutes=15, seconds=-1)) is None
    overdue = selectors.overdue_release(now=NIGHT + timedelta(minutes=15))
    assert "1 date" in overdue

    make_due_schedules(now=NIGHT + timedelta(minutes=16))
    assert selectors.overdue_release(now=NIGHT + timedelta(minutes=16)) is None


def test_a_failed_run_counts_as_overdue_and_a_department_without_roster_does_not():
    DepartmentFactory()
    assert selectors.overdue_release(now=NIGHT + timedelta(hours=1)) is None

    template = RosterTemplateFactory(weekday=3)
    break_inserts_for(template.doctor.department)
    make_due_schedules(now=NIGHT)

    assert "3 dates" in selectors.overdue_release(now=NIGHT + timedelta(hours=1))


def run_command(*arguments):
    out = StringIO()
    call_command("release_slots", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_tells_each_date_and_a_summary():
    template = RosterTemplateFactory(weekday=3, doctor__department__horizon_days=1)

    told = run_command("--now", "2026-11-26T02:00+08:00")

    code = template.doctor.department.code
    assert told.splitlines() == [
        f"[1/2] 2026-11-26 {code}: done, 1 schedules, 12 places",
        f"[2/2] 2026-11-27 {code}: done, 0 schedules, 0 places",
        "2 dates: 1 schedules and 12 places made, 0 clashes, 0 dates failed.",
    ]
    assert run_command("--now", "2026-11-26T02:00+08:00").startswith("0 dates: 0 schedules")


def test_the_command_fails_where_a_date_failed():
    template = RosterTemplateFactory(weekday=3)
    break_inserts_for(template.doctor.department)

    with pytest.raises(CommandError, match="failed"):
        run_command("--now", "2026-11-26T02:00+08:00")


@pytest.mark.parametrize("now", ["yesterday", "2026-11-26T02:00"])
def test_the_command_wants_a_whole_instant(now):
    with pytest.raises(CommandError, match="--now wants"):
        run_command("--now", now)


def test_in_production_the_command_knows_only_the_true_time(settings):
    settings.IS_DEVELOPMENT = False

    with pytest.raises(CommandError, match="development only"):
        run_command("--now", "2026-11-26T02:00+08:00")


# Runs at the same time


def run_twice_at_once():
    barrier = threading.Barrier(2)
    failures = []

    def one():
        try:
            barrier.wait()
            make_due_schedules(now=NIGHT)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.django_db(transaction=True)
def test_batches_that_are_made_side_by_side_are_told_of_in_order(settings):
    settings.RELEASE_THREADS = 3
    for _department in range(3):
        RosterTemplateFactory(weekday=3)
    told = []

    made = make_due_schedules(now=NIGHT, tell=lambda count, total, date: told.append((count, date)))

    assert told == list(enumerate(made, start=1))
    assert [one.run.service_date for one in made] == [TODAY + n * DAY for n in range(15)] * 3
    assert totals(made) == (9, 9 * 12)
    assert Slot.objects.count() == 9 * 12


@pytest.mark.django_db(transaction=True)
def test_who_stops_a_run_stops_what_has_not_begun(settings):
    settings.RELEASE_THREADS = 2
    for _department in range(8):
        RosterTemplateFactory(weekday=3)

    def stop(count, total, made):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        make_due_schedules(now=NIGHT, tell=stop)

    assert 0 < ReleaseRun.objects.count() < 8 * 15 / 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_spared", [True, False], ids=["as it is", "without advisory lock"])
def test_two_runs_at_once_make_nothing_twice_and_leave_nothing_out(is_spared, monkeypatch):
    if not is_spared:
        monkeypatch.setattr(release, "_spared", lambda due: True)
    department = DepartmentFactory()
    for _ in range(5):
        doctor = DoctorFactory(department=department)
        for weekday in range(7):
            RosterTemplateFactory(doctor=doctor, weekday=weekday)

    run_twice_at_once()
    make_due_schedules(now=NIGHT)  # dates that a run left to the other are there by now

    assert Schedule.objects.count() == 5 * 15
    assert Slot.objects.count() == 5 * 15 * 12
    assert not ReleaseRun.objects.exclude(state=RunState.DONE, clashes=[]).exists()
    assert ReleaseRun.objects.count() == 15


@pytest.mark.django_db(transaction=True)
def test_without_its_constraints_a_doubled_run_does_double(monkeypatch):
    """The negative control: what the unique and exclusion constraints are there for."""
    guards = {
        "one_schedule_per_template_and_date",
        "doctor_sits_once_at_a_time",
        "room_used_once_at_a_time",
    }
    constraints = [one for one in Schedule._meta.constraints if one.name in guards]
    template = RosterTemplateFactory(weekday=3)
    monkeypatch.setattr(generation, "_made", lambda dates: set())
    due = generation.DueDate(template.doctor.department, TODAY)

    release._make_together([due], NIGHT, None)
    release._make_together([due], NIGHT, None)
    assert Schedule.objects.count() == 1

    with connection.schema_editor() as editor:
        for constraint in constraints:
            editor.remove_constraint(Schedule, constraint)
    try:
        release._make_together([due], NIGHT, None)
        assert Schedule.objects.count() == 2
    finally:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE scheduling_slot, scheduling_schedule CASCADE")
        with connection.schema_editor() as editor:
            for constraint in constraints:
                editor.add_constraint(Schedule, constraint)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_away_ends_the_run_instead_of_failing_every_date():
    RosterTemplateFactory(weekday=3)
    break_inserts("PERFORM pg_terminate_backend(pg_backend_pid());")

    with pytest.raises(DatabaseError):
        make_due_schedules(now=NIGHT)

    connection.close()
    mend_inserts()
    assert not ReleaseRun.objects.exists()
