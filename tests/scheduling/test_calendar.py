"""Which days are holidays and make-up days, and whose patterns do they follow?"""

from datetime import date, timedelta

import pytest
from django.core.exceptions import ValidationError

from scheduling.choices import DayKind
from scheduling.models import CalendarDay
from scheduling.rules.calendar import Day, patterns_of
from scheduling.selectors.calendar import calendar_days, calendars, public_days
from tests.factories import CalendarDayFactory, ClinicFactory

FRIDAY, SATURDAY = date(2026, 2, 20), date(2026, 2, 14)


@pytest.mark.parametrize(
    ("day", "sits", "expected"),
    [
        (Day(FRIDAY), False, 4),
        (Day(FRIDAY, DayKind.HOLIDAY), False, None),
        (Day(FRIDAY, DayKind.HOLIDAY), True, 4),
        (Day(SATURDAY, DayKind.WORKDAY, 4), False, 4),
        (Day(SATURDAY, DayKind.WORKDAY, 4), True, 5),
        (Day(SATURDAY, DayKind.WORKDAY), False, 5),
    ],
)
def test_a_date_follows_the_patterns_of_one_weekday_or_of_none(day, sits, expected):
    assert patterns_of(day, sits_on_holidays=sits) == expected


@pytest.mark.parametrize(
    ("off", "workday"),
    [
        ("2025-02-03", "2025-01-26"),
        ("2025-02-04", "2025-02-08"),
        ("2025-05-05", "2025-04-27"),
        ("2025-10-07", "2025-09-28"),
        ("2025-10-08", "2025-10-11"),
        ("2026-01-02", "2026-01-04"),
        ("2026-02-20", "2026-02-14"),
        ("2026-02-23", "2026-02-28"),
        ("2026-05-05", "2026-05-09"),
        ("2026-10-06", "2026-09-20"),
        ("2026-10-07", "2026-10-10"),
    ],
)
def test_a_make_up_day_in_china_follows_the_weekday_of_its_day_off(off, workday):
    off, workday = date.fromisoformat(off), date.fromisoformat(workday)
    days = public_days("CN", "", workday.year)

    assert (days[off].kind, days[off].name_zh) == (DayKind.HOLIDAY, "调休放假")
    assert (days[workday].kind, days[workday].as_weekday) == (DayKind.WORKDAY, off.weekday())


def test_the_spring_festival_of_2026_is_named_in_both_languages():
    festival = public_days("CN", "", 2026)[date(2026, 2, 17)]

    assert festival.kind == DayKind.HOLIDAY
    assert festival.name_en.startswith("Chinese New Year")
    assert festival.name_zh.startswith("春节")


def test_a_region_has_holidays_of_its_own():
    womens_day = date(2026, 3, 8)

    assert womens_day in public_days("DE", "BE", 2026)
    assert womens_day not in public_days("DE", "BY", 2026)


def test_a_year_beyond_the_tables_has_no_make_up_days():
    kinds = {day.kind for day in public_days("CN", "", 2049).values()}

    assert kinds <= {DayKind.HOLIDAY}


@pytest.mark.parametrize(("country", "region"), [("", ""), ("XX", ""), ("DE", "QQ")])
def test_an_unknown_country_or_region_has_no_holidays(country, region):
    assert public_days(country, region, 2026) == {}


@pytest.mark.django_db
def test_what_staff_wrote_for_a_clinic_comes_before_all_clinics_and_the_library():
    east, west = ClinicFactory(), ClinicFactory(code="west")
    new_year = date(2026, 1, 1)
    CalendarDayFactory(clinic=None, date=new_year, kind=DayKind.HOLIDAY, name_en="Closed")
    CalendarDayFactory(clinic=east, date=new_year, kind=DayKind.WORKDAY, name_en="We sit")

    found = calendars([east, west], new_year, new_year)

    assert found[east.pk][new_year].name_en == "We sit"
    assert found[west.pk][new_year].name_en == "Closed"


@pytest.mark.django_db
def test_every_date_of_a_period_is_told_with_one_query(django_assert_num_queries):
    clinic = ClinicFactory()
    first = date(2026, 1, 1)

    with django_assert_num_queries(1):
        days = calendar_days(clinic, first, first + timedelta(days=13))

    assert list(days) == [first + timedelta(days=number) for number in range(14)]
    assert days[first].is_special
    assert not days[date(2026, 1, 8)].is_special


@pytest.mark.django_db
def test_a_day_is_written_once_for_all_clinics_and_a_holiday_follows_no_weekday():
    CalendarDayFactory(clinic=None, date=FRIDAY, kind=DayKind.HOLIDAY)

    again = CalendarDay(clinic=None, date=FRIDAY, kind=DayKind.WORKDAY)
    with pytest.raises(ValidationError, match="written down already"):
        again.full_clean()
    follows = CalendarDay(date=SATURDAY, kind=DayKind.HOLIDAY, as_weekday=4)
    with pytest.raises(ValidationError, match="no patterns are followed"):
        follows.full_clean()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "named"),
    [({"country": "XX"}, "country"), ({"country": "DE", "region": "QQ"}, "region")],
)
def test_a_clinic_lies_in_a_country_and_region_that_are_known(fields, named):
    clinic = ClinicFactory.build(**fields)

    with pytest.raises(ValidationError) as refused:
        clinic.full_clean()

    assert named in refused.value.message_dict
