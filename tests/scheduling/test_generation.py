"""Which sessions do patterns make on holidays, during leave, over odd days, and on chosen dates?"""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

import pytest

from scheduling.choices import DayKind, ScheduleState, SlotState
from scheduling.models import ReleaseRun, Schedule, Slot
from scheduling.rules.sessions import DESK_RANK, Booker
from scheduling.selectors.generation import DueDate, foreseen_dates
from scheduling.selectors.releases import clash_sentences
from scheduling.services.release import generate_schedules, make_due_schedules
from scheduling.services.rosters import change_schedule
from tests.factories import (
    CalendarDayFactory,
    ClinicFactory,
    DepartmentFactory,
    DoctorFactory,
    LeaveFactory,
    PrivilegeFactory,
    RosterTemplateFactory,
    ScheduleFactory,
    TierFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

NIGHT = datetime.fromisoformat("2026-11-26T02:00+08:00").astimezone(UTC)  # a Thursday
TODAY, LAST = date(2026, 11, 26), date(2026, 12, 10)
DAY = timedelta(days=1)


def made_dates(**filters):
    found = Schedule.objects.filter(**filters)
    return sorted(found.values_list("service_date", flat=True))


def daily_patterns(department, **fields):
    """Let one doctor sit every day of the week."""
    doctor = DoctorFactory(department=department)
    return [RosterTemplateFactory(doctor=doctor, weekday=day, **fields) for day in range(7)]


def generate(department, first, last, now=NIGHT):
    return generate_schedules(departments=[department], first=first, last=last, now=now)


def test_nobody_sits_on_a_public_holiday_but_who_always_sits():
    clinic, emergency = DepartmentFactory(), DepartmentFactory(sits_on_holidays=True)
    for department in (clinic, emergency):
        daily_patterns(department)
    CalendarDayFactory(date=TODAY + DAY)

    make_due_schedules(now=NIGHT)

    assert TODAY + DAY not in made_dates(department=clinic)
    assert TODAY + DAY in made_dates(department=emergency)
    assert make_due_schedules(now=NIGHT) == []  # a holiday lacks nothing


def test_the_spring_festival_is_known_without_anybody_writing_it_down():
    department = DepartmentFactory()
    patterns = daily_patterns(department)

    generate(department, date(2026, 2, 14), date(2026, 2, 23), now=NIGHT - timedelta(days=300))

    made = Schedule.objects.order_by("service_date").values_list("service_date", "template_id")
    friday, saturday, sunday = (patterns[day].pk for day in (4, 5, 6))
    assert list(made) == [
        (date(2026, 2, 14), friday),  # a Saturday that makes up for Friday the 20th
        (date(2026, 2, 15), sunday),
        (date(2026, 2, 21), saturday),
        (date(2026, 2, 22), sunday),
    ]


def test_a_holiday_that_staff_take_back_is_made_by_the_next_run():
    department = DepartmentFactory()
    daily_patterns(department)
    holiday = CalendarDayFactory(date=TODAY + DAY)
    make_due_schedules(now=NIGHT)

    holiday.delete()
    make_due_schedules(now=NIGHT)

    assert TODAY + DAY in made_dates()


def test_a_session_inside_a_leave_is_not_made_and_the_run_says_why():
    template = RosterTemplateFactory(weekday=3)
    noon = datetime.fromisoformat("2026-12-03T11:59+08:00")
    leave = LeaveFactory(doctor=template.doctor, starts_at=noon, ends_at=noon + DAY)

    make_due_schedules(now=NIGHT)

    assert made_dates() == [TODAY, LAST]
    [said] = clash_sentences(ReleaseRun.objects.get(service_date=date(2026, 12, 3)))
    assert said.endswith("the doctor is away then.")

    type(leave).objects.update(state="withdrawn")
    make_due_schedules(now=NIGHT)
    assert made_dates() == [TODAY, date(2026, 12, 3), LAST]


def test_a_leave_that_ends_when_the_session_starts_hits_nothing():
    template = RosterTemplateFactory(weekday=3)
    morning = datetime.fromisoformat("2026-12-03T08:00+08:00")
    LeaveFactory(doctor=template.doctor, starts_at=morning - DAY, ends_at=morning)

    make_due_schedules(now=NIGHT)

    assert date(2026, 12, 3) in made_dates()


def test_a_draft_of_a_pattern_and_date_is_left_alone():
    template = RosterTemplateFactory(weekday=3)
    draft = ScheduleFactory(
        template=template,
        doctor=template.doctor,
        room=template.room,
        service_date=date(2026, 12, 3),
        state=ScheduleState.DRAFT,
    )

    make_due_schedules(now=NIGHT)

    assert Schedule.objects.get(service_date=date(2026, 12, 3)) == draft
    assert not draft.slots.exists()


def test_chosen_weeks_beyond_the_horizon_are_made_once_and_the_night_adds_nothing():
    department = DepartmentFactory()
    daily_patterns(department)
    first, last = date(2026, 12, 14), date(2026, 12, 20)

    made = generate(department, first, last)

    assert made_dates() == [first + number * DAY for number in range(7)]
    assert sum(each.slots for each in made) == 7 * 12
    assert generate(department, first, last) == []
    make_due_schedules(now=NIGHT + 10 * DAY)
    assert Counter(made_dates()).most_common(1)[0][1] == 1


def test_what_is_foreseen_is_what_is_made(django_assert_num_queries):
    department = DepartmentFactory()
    patterns = daily_patterns(department)
    monday = date(2026, 12, 14)
    ScheduleFactory(
        room=patterns[1].room,
        service_date=monday + DAY,
        starts_at=datetime.fromisoformat("2026-12-15T10:00+08:00"),
    )
    LeaveFactory(
        doctor=patterns[2].doctor,
        starts_at=datetime.fromisoformat("2026-12-16T00:00+08:00"),
        ends_at=datetime.fromisoformat("2026-12-17T00:00+08:00"),
    )
    generate(department, monday, monday)
    dates = [DueDate(department, monday + number * DAY) for number in range(7)]

    with django_assert_num_queries(5):
        foreseen = foreseen_dates(dates)

    assert [each.unchanged for each in foreseen] == [1, 0, 0, 0, 0, 0, 0]
    assert [len(each.schedules) for each in foreseen] == [0, 0, 0, 1, 1, 1, 1]
    assert [one.reason for each in foreseen for one in each.obstacles] == ["room", "leave"]
    generate(department, monday, monday + 6 * DAY)
    assert made_dates(template__isnull=False) == [
        monday + number * DAY for number in (0, 3, 4, 5, 6)
    ]
    said = [
        (clash["reason"], run.service_date)
        for run in ReleaseRun.objects.order_by("service_date")
        for clash in run.clashes
    ]
    assert said == [("room", monday + DAY), ("leave", monday + 2 * DAY)]


@pytest.mark.parametrize(
    ("zone", "sunday", "hours", "utc_hour"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 3, 6),  # the clocks go forward at two
        ("Europe/Berlin", date(2026, 10, 25), 4, 7),  # and back at three
        ("Asia/Shanghai", date(2026, 3, 29), 3, 0),
    ],
)
def test_a_pattern_repeats_by_the_clock_on_the_wall(zone, sunday, hours, utc_hour):
    clinic = ClinicFactory(code="far", time_zone=zone, country="")
    department = DepartmentFactory(clinic=clinic)
    doctor = DoctorFactory(department=department)
    room = {"room__clinic": clinic}
    RosterTemplateFactory(doctor=doctor, weekday=6, **room)
    early = {"start_time": time(2, 30), "end_time": time(5, 30)}
    RosterTemplateFactory(doctor=doctor, weekday=6, **early, **room)
    now = datetime.combine(sunday - 7 * DAY, time(12), tzinfo=UTC)

    generate(department, sunday - 7 * DAY, sunday, now=now)

    day = Schedule.objects.get(service_date=sunday, template__start_time=time(8))
    assert (day.starts_at.hour, day.ends_at - day.starts_at) == (utc_hour, timedelta(hours=4))
    night = Schedule.objects.filter(service_date=sunday, template__start_time=time(2, 30)).first()
    if sunday.month == 3 and zone == "Europe/Berlin":
        assert night is None  # half past two does not exist
        assert ReleaseRun.objects.get(service_date=sunday).clashes[0]["reason"] == "hours"
    else:
        assert night.ends_at - night.starts_at == timedelta(hours=hours)


def test_leap_day_and_the_ends_of_months_are_days_like_others():
    department = DepartmentFactory(clinic=ClinicFactory(code="plain", country=""))
    daily_patterns(department, room__clinic=department.clinic)

    generate(department, date(2028, 2, 27), date(2028, 3, 2))

    assert made_dates() == [
        date(2028, 2, 27),
        date(2028, 2, 28),
        date(2028, 2, 29),
        date(2028, 3, 1),
        date(2028, 3, 2),
    ]


def reserved_ranks(schedule):
    return [slot.reserved_rank for slot in schedule.slots.order_by("number")]


@pytest.fixture
def gold_keeps_a_quarter():
    TierFactory(code="member")
    gold = TierFactory(code="gold")
    PrivilegeFactory(tier=gold, key="reserved_quota_share", value="0.25", valid_from=NIGHT - DAY)
    return gold


def test_places_are_kept_for_the_desk_and_a_tier_until_their_moment(gold_keeps_a_quarter):
    RosterTemplateFactory(weekday=3, max_appointments=12, desk_places=2)

    make_due_schedules(now=NIGHT)

    schedule = Schedule.objects.get(service_date=LAST)
    gold = gold_keeps_a_quarter.rank
    assert Counter(reserved_ranks(schedule)) == {None: 7, gold: 3, DESK_RANK: 2}
    assert set(schedule.slots.values_list("reserved_until", flat=True)) == {
        None,
        datetime.fromisoformat("2026-12-09T12:00+08:00"),
    }
    at = datetime.fromisoformat("2026-12-08T08:00+08:00")
    open_to = {
        name: schedule.slots.open_to(booker, at).count()
        for name, booker in {
            "member": Booker(),
            "gold": Booker(rank=gold),
            "desk": Booker(is_desk=True),
        }.items()
    }
    assert open_to == {"member": 7, "gold": 10, "desk": 9}
    falls_to_all = datetime.fromisoformat("2026-12-09T12:00+08:00")
    assert schedule.slots.open_to(Booker(), falls_to_all).count() == 12


def test_where_the_moment_is_before_the_release_nothing_is_kept():
    department = DepartmentFactory(release_days_ahead=0, reserved_days_before=1)
    template = RosterTemplateFactory(doctor__department=department, weekday=3, desk_places=2)

    make_due_schedules(now=NIGHT)

    assert set(reserved_ranks(template.schedules.first())) == {None}


def test_places_added_later_are_kept_for_nobody(gold_keeps_a_quarter):
    template = RosterTemplateFactory(weekday=3, max_appointments=4, desk_places=1)
    make_due_schedules(now=NIGHT)
    schedule = template.schedules.order_by("service_date").last()

    change_schedule(
        schedule_uid=schedule.uid, version=1, by=UserFactory(), now=NIGHT, max_appointments=8
    )

    assert reserved_ranks(schedule)[4:] == [None] * 4
    assert Slot.objects.filter(schedule=schedule, state=SlotState.FREE).count() == 8


def test_several_places_share_a_start_where_there_are_more_places_than_starts():
    template = RosterTemplateFactory(weekday=3, max_appointments=24)

    make_due_schedules(now=NIGHT)

    starts = Counter(template.schedules.first().slots.values_list("starts_at", flat=True))
    assert set(starts.values()) == {2}
    assert len(starts) == 12


def test_a_make_up_day_written_by_staff_follows_the_weekday_they_name():
    department = DepartmentFactory()
    patterns = daily_patterns(department)
    saturday = date(2026, 11, 28)
    CalendarDayFactory(date=saturday, kind=DayKind.WORKDAY, as_weekday=0)

    make_due_schedules(now=NIGHT)

    assert Schedule.objects.get(service_date=saturday).template == patterns[0]
