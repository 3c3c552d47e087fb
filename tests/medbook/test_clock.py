"""How is an instant said, in which zone, in which language?"""

from datetime import UTC, date, datetime

import pytest
from django.utils import timezone, translation
from django.utils.formats import localize

from medbook import clock
from medbook.templatetags import times

INSTANT = datetime(2026, 11, 24, 1, 20, tzinfo=UTC)
DAYS = [date(2026, 11, 23 + number) for number in range(7)]


def test_now_knows_its_zone():
    assert clock.now().utcoffset() is not None


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Tue 24 Nov, 09:20"), ("zh-hans", "11月24日 周二 09:20")]
)
def test_an_instant_is_said_as_people_of_that_language_do(language, said):
    with translation.override(language):
        assert clock.text(INSTANT, "Asia/Shanghai") == said
        assert times.moment(INSTANT, "Asia/Shanghai") == said


def test_an_instant_without_a_zone_is_said_in_that_of_the_site(settings):
    settings.TIME_ZONE = "Asia/Shanghai"

    with translation.override("en"):
        assert clock.text(INSTANT) == "Tue 24 Nov, 09:20"


def test_clocks_going_back_say_the_same_hour_twice():
    before, after = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))

    with translation.override("zh-hans"):
        assert clock.text(before, "Europe/London") == "10月25日 周日 01:30"
        assert clock.text(after, "Europe/London") == "10月25日 周日 01:30"


def test_the_date_is_that_of_the_zone():
    late = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)

    assert clock.local_date(late, "Asia/Shanghai") == date(2026, 11, 25)
    assert clock.local_date(late, "Europe/London") == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("language", "short", "long", "month"),
    [
        ("en", "Tue 24 Nov", "Tuesday 24 November", "November 2026"),
        ("zh-hans", "11月24日 周二", "11月24日 星期二", "2026年11月"),
    ],
)
def test_days_and_months_are_said_in_both_languages(language, short, long, month):
    with translation.override(language):
        assert times.day(INSTANT, "Asia/Shanghai") == short
        assert times.long_day(INSTANT, "Asia/Shanghai") == long
        assert times.month(INSTANT.date()) == month


@pytest.mark.parametrize(
    ("language", "names"),
    [("en", "Mon Tue Wed Thu Fri Sat Sun"), ("zh-hans", "周一 周二 周三 周四 周五 周六 周日")],
)
def test_weekdays_are_named_alike_alone_and_with_their_date(language, names):
    with translation.override(language):
        assert [times.weekday(day) for day in DAYS] == names.split()
        for name, day in zip(names.split(), DAYS, strict=True):
            assert name in times.day(day)


@pytest.mark.parametrize(
    ("language", "said"), [("en", "24 Nov 2026, 13:20"), ("zh-hans", "2026年11月24日 13:20")]
)
def test_lists_of_staff_count_24_hours(language, said):
    afternoon = timezone.localtime(datetime(2026, 11, 24, 5, 20, tzinfo=UTC))

    with translation.override(language):
        assert localize(afternoon) == said
