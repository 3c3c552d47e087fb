"""Is every instant said in the clinic's zone?"""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from django.utils import translation

from medbook.templatetags import amounts, times

SHANGHAI = SimpleNamespace(time_zone="Asia/Shanghai")
LONDON = SimpleNamespace(time_zone="Europe/London")
INSTANT = datetime(2026, 11, 24, 1, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


def test_an_instant_is_said_in_the_zone_of_the_place():
    assert times.moment(INSTANT, SHANGHAI) == "Tue 24 Nov, 09:20"
    assert times.moment(INSTANT, LONDON) == "Tue 24 Nov, 01:20"


def test_the_day_may_differ_between_zones():
    late = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)

    assert times.long_day(late, SHANGHAI) == "Wednesday 25 November"
    assert times.long_day(late, LONDON) == "Tuesday 24 November"


def test_a_date_stays_what_it_is_in_every_zone():
    assert times.day(date(2026, 11, 24), SHANGHAI) == "Tue 24 Nov"


def test_a_period_that_ends_at_midnight_ends_with_its_last_day():
    midnight = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)

    assert times.ending(midnight, SHANGHAI) == "Tue 24 Nov, 24:00"
    assert times.ending(midnight, LONDON) == "Tue 24 Nov, 16:00"


def test_nothing_is_said_of_no_instant():
    assert times.moment(None, SHANGHAI) == times.hour(None) == times.day(None) == ""


@pytest.mark.parametrize(
    ("place", "instant", "label"),
    [
        (SHANGHAI, INSTANT, "Shanghai time (UTC+8)"),
        (LONDON, datetime(2026, 10, 25, 0, 59, tzinfo=UTC), "London time (UTC+1)"),
        (LONDON, datetime(2026, 10, 25, 1, 0, tzinfo=UTC), "London time (UTC+0)"),
        ("America/St_Johns", datetime(2026, 1, 1, tzinfo=UTC), "St Johns time (UTC-3:30)"),
    ],
)
def test_a_zone_is_named_by_its_city_and_offset_at_that_instant(place, instant, label):
    assert times.zone_label(place, instant) == label


@pytest.mark.parametrize(
    ("amount", "short", "long"),
    [("162", "¥162", "¥162.00"), ("12345.5", "¥12,345.50", "¥12,345.50"), ("0", "¥0", "¥0.00")],
)
def test_money_is_short_in_sentences_and_exact_in_tables(amount, short, long):
    assert amounts.price(amounts.Decimal(amount)) == short
    assert amounts.exact(amounts.Decimal(amount)) == long


def test_a_currency_without_a_sign_is_named():
    assert amounts.exact(amounts.Decimal("5"), "CHF") == "5.00 CHF"


def test_a_date_can_be_kept_on_one_line_and_stays_escaped():
    assert times.unbroken("Tue 24 Nov") == '<span class="unbroken">Tue 24 Nov</span>'
    assert "<b>" not in times.unbroken("<b>")
