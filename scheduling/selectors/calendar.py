"""Which days are public holidays, and which make up for one?"""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from functools import lru_cache

import holidays.countries  # noqa: F401 (else the first who asks loads it, for seconds, under locks)
from django.db.models import Q
from holidays import HolidayBase, country_holidays

from scheduling.choices import DayKind
from scheduling.models import CalendarDay, Clinic
from scheduling.rules.calendar import Day

DAY = timedelta(days=1)


def calendar_days(clinic: Clinic, first: date, last: date) -> Mapping[date, Day]:
    """Tell of every date of a period, both days included, what it is to a clinic. One query."""
    return calendars([clinic], first, last)[clinic.pk]


def calendars(
    clinics: Collection[Clinic], first: date, last: date
) -> Mapping[int, Mapping[date, Day]]:
    """Tell, by clinic, what the dates of a period are to it, both days included. One query.

    A day that staff wrote for the clinic comes first, then one for all, then the library.
    """
    written: dict[tuple[int | None, date], Day] = {
        (row.clinic_id, row.date): row.as_day
        for row in CalendarDay.objects.filter(
            Q(clinic__isnull=True) | Q(clinic__in=clinics), date__range=(first, last)
        )
    }
    dates = [first + DAY * number for number in range((last - first).days + 1)]
    return {
        clinic.pk: {
            day: written.get((clinic.pk, day))
            or written.get((None, day))
            or public_days(clinic.country, clinic.region, day.year).get(day)
            or Day(day)
            for day in dates
        }
        for clinic in clinics
    }


@lru_cache(maxsize=256)
def public_days(country: str, region: str, year: int) -> Mapping[date, Day]:
    """Ask the library for a year's public holidays and make-up days; nothing where it knows none.

    Kept for the life of the process; nothing is asked of the network.
    """
    try:
        english = _asked(country, region, year, "en_US")
        chinese = _asked(country, region, year, "zh_CN")
    except NotImplementedError:
        return {}
    has_chinese = "zh_CN" in chinese.supported_languages
    days = {
        day: Day(day, DayKind.HOLIDAY, None, name, chinese[day] if has_chinese else "")
        for day, name in english.items()
    }
    for workday in english.weekend_workdays:
        if off := _made_up_for(english, workday):
            days[off] = Day(off, DayKind.HOLIDAY, None, "Day off", "调休放假")
            days[workday] = Day(
                workday, DayKind.WORKDAY, off.weekday(), "Make-up workday", "调休上班"
            )
    return {day: said for day, said in days.items() if day.year == year}


def _asked(country: str, region: str, year: int, language: str) -> HolidayBase:
    """Take a year with its neighbours: a day off may be made up for in the year before."""
    return country_holidays(
        country,
        subdiv=region or None,
        years=range(year - 1, year + 2),
        language=language,
        expand=False,
    )


def _made_up_for(days: HolidayBase, workday: date) -> date | None:
    """Find the day off for which people work on a weekend: its name says so."""
    if not days.has_substituted_holidays:
        return None
    said = days.tr(days.substituted_label) % workday.strftime(days.tr(days.substituted_date_format))
    return next(iter(days.get_named(said, lookup="icontains")), None)
