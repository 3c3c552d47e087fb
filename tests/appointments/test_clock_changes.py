"""Do the rules keep their promises when the clocks change, a month ends, a leap day comes?

Berlin's clocks go back on 25 October 2026 and forward on 28 March 2027; Shanghai's never move.
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.rules import policies, visits, waitlist
from appointments.rules.policies import CancelPolicy
from billing.rules.prices import share_of
from medbook import clock
from scheduling.rules import sessions
from scheduling.rules.sessions import SaleRules

BERLIN, SHANGHAI = "Europe/Berlin", "Asia/Shanghai"
BACK, FORWARD = date(2026, 10, 25), date(2027, 3, 28)
DAY_BEFORE_AT_FIVE = CancelPolicy(24, days_before=1, at=time(17))
ONE_DAY = CancelPolicy(24)
SALE = SaleRules(
    release_days_ahead=7,
    release_time=time(7),
    sale_stops_days_before=1,
    sale_stops_time=time(17),
    same_day_from_time=time(0),
)


def at(day, hour, zone, minute=0):
    return sessions.moment(day, time(hour, minute), zone)


@pytest.mark.parametrize(
    ("day", "zone", "policy", "until"),
    [
        (BACK, BERLIN, ONE_DAY, "2026-10-24T10:00+02:00"),
        (FORWARD, BERLIN, ONE_DAY, "2027-03-27T08:00+01:00"),
        (BACK, SHANGHAI, ONE_DAY, "2026-10-24T09:00+08:00"),
        (FORWARD, SHANGHAI, ONE_DAY, "2027-03-27T09:00+08:00"),
        (BACK, BERLIN, DAY_BEFORE_AT_FIVE, "2026-10-24T17:00+02:00"),
        (FORWARD, BERLIN, DAY_BEFORE_AT_FIVE, "2027-03-27T17:00+01:00"),
        (date(2028, 3, 1), BERLIN, DAY_BEFORE_AT_FIVE, "2028-02-29T17:00+01:00"),
        (date(2028, 3, 1), SHANGHAI, ONE_DAY, "2028-02-29T09:00+08:00"),
        (date(2026, 12, 1), BERLIN, DAY_BEFORE_AT_FIVE, "2026-11-30T17:00+01:00"),
        (date(2027, 1, 1), SHANGHAI, DAY_BEFORE_AT_FIVE, "2026-12-31T17:00+08:00"),
    ],
)
def test_a_visit_at_nine_is_cancelled_in_time_until(day, zone, policy, until):
    deadline = policies.cancel_until(at(day, 9, zone), day, zone, policy)

    assert deadline == datetime.fromisoformat(until)


@pytest.mark.parametrize(
    ("day", "zone", "release", "stop", "same_day"),
    [
        (BACK, BERLIN, "2026-10-18T07+02:00", "2026-10-24T17+02:00", "2026-10-25T00+02:00"),
        (FORWARD, BERLIN, "2027-03-21T07+01:00", "2027-03-27T17+01:00", "2027-03-28T00+01:00"),
        (
            FORWARD + timedelta(3),
            BERLIN,
            "2027-03-24T07+01:00",
            "2027-03-30T17+02:00",
            "2027-03-31T00+02:00",
        ),
        (
            date(2028, 3, 7),
            SHANGHAI,
            "2028-02-29T07+08:00",
            "2028-03-06T17+08:00",
            "2028-03-07T00+08:00",
        ),
        (
            date(2028, 2, 29),
            BERLIN,
            "2028-02-22T07+01:00",
            "2028-02-28T17+01:00",
            "2028-02-29T00+01:00",
        ),
        (
            date(2027, 1, 1),
            SHANGHAI,
            "2026-12-25T07+08:00",
            "2026-12-31T17+08:00",
            "2027-01-01T00+08:00",
        ),
    ],
)
def test_a_sale_opens_stops_and_opens_again_by_the_clinics_clock(
    day, zone, release, stop, same_day
):
    times = sessions.sale_times(day, zone, SALE)

    said = (times.release_at, times.sale_stops_at, times.same_day_from)
    assert said == tuple(datetime.fromisoformat(text) for text in (release, stop, same_day))


@pytest.mark.parametrize(
    ("day", "start", "end", "starts"),
    [
        # Two hours by the clock are three that pass: places fill them all, none twice.
        (BACK, 1, 3, ["01:00+0200", "02:00+0200", "02:00+0100"]),
        # Three by the clock are two that pass.
        (FORWARD, 1, 4, ["01:00+0100", "03:00+0200"]),
        (date(2028, 2, 29), 1, 3, ["01:00+0100", "02:00+0100"]),
    ],
)
def test_places_fill_the_hours_that_pass(day, start, end, starts):
    period = sessions.session_period(day, time(start), time(end), BERLIN)
    assert period is not None
    length = timedelta(hours=1)

    places = sessions.slot_times(
        starts_at=period[0], ends_at=period[1], count=len(starts), length=length
    )

    local = [place.starts_at.astimezone(ZoneInfo(BERLIN)) for place in places]
    assert [f"{start:%H:%M%z}" for start in local] == starts
    assert all(place.ends_at - place.starts_at == length for place in places)


@pytest.mark.parametrize(
    ("asked", "zone", "answer"),
    [
        ("2026-10-24T21:59+02:00", BERLIN, "2026-10-24T21:59+02:00"),
        ("2026-10-24T22:00+02:00", BERLIN, "2026-10-25T07:00+01:00"),
        ("2026-10-25T02:30+02:00", BERLIN, "2026-10-25T07:00+01:00"),
        ("2026-10-25T02:30+01:00", BERLIN, "2026-10-25T07:00+01:00"),
        ("2027-03-27T23:30+01:00", BERLIN, "2027-03-28T07:00+02:00"),
        ("2027-03-28T03:30+02:00", BERLIN, "2027-03-28T07:00+02:00"),
        ("2027-03-28T07:00+02:00", BERLIN, "2027-03-28T07:00+02:00"),
        ("2026-10-24T22:00+08:00", SHANGHAI, "2026-10-25T07:00+08:00"),
        ("2026-12-31T23:00+08:00", SHANGHAI, "2027-01-01T07:00+08:00"),
        ("2028-02-28T22:30+01:00", BERLIN, "2028-02-29T07:00+01:00"),
    ],
)
def test_who_waits_is_not_asked_at_night_however_long_it_is(asked, zone, answer):
    now = datetime.fromisoformat(asked)

    assert waitlist.asked_from(now, now + timedelta(days=3), zone) == datetime.fromisoformat(answer)


def test_twelve_hours_before_a_visit_are_hours_that_pass():
    visit = at(FORWARD, 11, BERLIN, 30)
    half_past_ten = at(FORWARD - timedelta(1), 22, BERLIN, 30)

    assert visit - half_past_ten == timedelta(hours=12)
    assert waitlist.asked_from(half_past_ten, visit, BERLIN) == half_past_ten
    too_early = half_past_ten - timedelta(seconds=1)
    assert waitlist.asked_from(too_early, visit, BERLIN) == at(FORWARD, 7, BERLIN)


@pytest.mark.parametrize("zone", [BERLIN, SHANGHAI])
@pytest.mark.parametrize("day", [BACK, FORWARD, date(2028, 2, 29), date(2026, 12, 31)])
def test_the_clinics_day_lasts_from_midnight_to_midnight(day, zone):
    first = sessions.moment(day, time(0), zone)
    next_day = sessions.moment(day + timedelta(1), time(0), zone)

    for instant, is_that_day in (
        (first - timedelta(seconds=1), False),
        (first, True),
        (next_day - timedelta(seconds=1), True),
        (next_day, False),
    ):
        assert visits.may_repair(day, clock.local_date(instant, zone)) is is_that_day


@pytest.mark.parametrize("day", [BACK, FORWARD])
def test_the_grace_of_a_missed_visit_is_a_quarter_of_an_hour_that_passes(day):
    period = sessions.session_period(day, time(1), time(4), BERLIN)
    assert period is not None
    over = period[1].astimezone(UTC)

    assert not visits.is_missed(period[1], over + timedelta(minutes=14, seconds=59))
    assert visits.is_missed(period[1], over + timedelta(minutes=15))


INSTANTS = st.timedeltas(timedelta(0), timedelta(days=760)).map(
    lambda passed: datetime(2026, 3, 1, tzinfo=UTC) + passed
)
ZONES = st.sampled_from([BERLIN, SHANGHAI])
POLICIES = st.one_of(
    st.builds(CancelPolicy, st.integers(0, 240)),
    st.builds(CancelPolicy, st.just(24), st.integers(0, 14), st.times()),
)


@given(
    starts_at=INSTANTS,
    later=st.timedeltas(timedelta(0), timedelta(30)),
    zone=ZONES,
    policy=POLICIES,
)
def test_a_later_visit_never_has_an_earlier_deadline(starts_at, later, zone, policy):
    first, second = (
        policies.cancel_until(each, clock.local_date(each, zone), zone, policy)
        for each in (starts_at, starts_at + later)
    )

    assert first <= starts_at
    assert first <= second


@given(
    paid=st.decimals(0, 99999, places=2),
    percent=st.integers(0, 100),
    now=INSTANTS,
    until=INSTANTS,
    is_own=st.booleans(),
)
def test_never_less_than_nothing_comes_back_and_never_more_than_was_paid(
    paid, percent, now, until, is_own
):
    share = policies.refund_percent(
        is_own=is_own, now=now, cancel_until=until, late_refund_percent=percent
    )
    back = share_of(paid, share)

    assert Decimal(0) <= back <= paid
    if now < until or not is_own:
        assert back == paid


@given(
    starts_at=INSTANTS,
    minutes=st.integers(10, 720),
    count=st.integers(1, 60),
    length=st.integers(5, 60),
    pause=st.integers(0, 30),
)
def test_places_lie_inside_the_session_and_are_shared_evenly(
    starts_at, minutes, count, length, pause
):
    ends_at = starts_at + timedelta(minutes=minutes)

    places = sessions.slot_times(
        starts_at=starts_at,
        ends_at=ends_at,
        count=count,
        length=timedelta(minutes=length),
        pause=timedelta(minutes=pause),
    )

    starts = [place.starts_at for place in places]
    shared = {start: starts.count(start) for start in starts}
    assert len(places) == count
    assert all(starts_at <= place.starts_at < place.ends_at <= ends_at for place in places)
    assert max(shared.values()) - min(shared.values()) <= 1
    ordered = sorted(shared)
    step = timedelta(minutes=length + pause)
    assert all(b - a >= step for a, b in pairwise(ordered))
