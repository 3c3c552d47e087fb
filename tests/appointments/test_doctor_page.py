"""Which days and times does a doctor's page offer?"""

from datetime import datetime, timedelta

import pytest

from appointments.selectors.free_times import ChipState
from appointments.selectors.picker import DayState
from medbook import clock
from scheduling.choices import ScheduleState
from scheduling.rules.sessions import DESK_RANK
from tests.appointments.booking import book, call_off, fill
from tests.factories import (
    DoctorFactory,
    PrivilegeFactory,
    ScheduleFactory,
    SlotFactory,
    TierFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


def in_days(days):
    return clock.local_date(clock.now(), "Asia/Shanghai") + timedelta(days)


@pytest.fixture
def chen():
    return DoctorFactory(slug="chen-wei", name_en="Chen Wei")


def shown(client, **query):
    page = client.get("/en/doctors/chen-wei/", query)
    assert page.status_code == 200
    return page


def state_of(client, day):
    page = shown(client, day=day)
    return next(shown_day for shown_day in page.context["days"] if shown_day.date == day)


def test_opens_on_the_first_day_with_a_free_place(client, chen):
    fill(schedule_with_slots(2, doctor=chen, service_date=in_days(2)))
    schedule_with_slots(8, doctor=chen, service_date=in_days(4))

    page = shown(client)

    assert page.context["day"].date == in_days(4)
    assert [day.date for day in page.context["days"]] == [in_days(n) for n in range(7)]


def test_says_what_each_day_offers(client, chen):
    now = clock.now()
    schedule_with_slots(30, doctor=chen, service_date=in_days(1))
    schedule_with_slots(5, doctor=chen, service_date=in_days(2))
    fill(schedule_with_slots(3, doctor=chen, service_date=in_days(3)))
    call_off(schedule_with_slots(3, doctor=chen, service_date=in_days(4)))
    schedule_with_slots(
        3, doctor=chen, service_date=in_days(5), release_at=now + timedelta(hours=1)
    )
    schedule_with_slots(3, doctor=chen, service_date=in_days(6), state=ScheduleState.DRAFT)
    sale_stops_at = now + timedelta(hours=1)
    chen.schedules.filter(service_date=in_days(1)).update(sale_stops_at=sale_stops_at)

    days = shown(client).context["days"][1:]

    assert [(day.state, day.free) for day in days] == [
        (DayState.FREE, 30),
        (DayState.FEW, 5),
        (DayState.FULL, 0),
        (DayState.OFF, 0),
        (DayState.UPCOMING, 0),
        (DayState.NONE, 0),
    ]
    assert [day.is_link for day in days] == [True, True, True, True, True, False]
    assert days[4].opens_at == now + timedelta(hours=1)


def test_says_when_other_tiers_book_already(client, chen):
    PrivilegeFactory(tier=TierFactory(code="gold"), key="early_access_minutes", value="15")
    release_at = clock.now() + timedelta(minutes=10)
    schedule = schedule_with_slots(3, doctor=chen, release_at=release_at)

    page = shown(client, day=schedule.service_date)

    assert page.context["day"].state == DayState.EARLY
    [session] = page.context["sessions"]
    assert session.opens_for_you_at == release_at
    assert {chip.state for chip in session.chips} == {ChipState.LOCKED}
    assert '<button class="chip"' not in page.text


def test_between_the_stop_of_the_sale_and_the_day_itself_says_when_it_goes_on(client, chen):
    now = clock.now()
    schedule = schedule_with_slots(
        3,
        doctor=chen,
        sale_stops_at=now - timedelta(hours=1),
        same_day_from=now + timedelta(hours=2),
    )

    page = shown(client, day=schedule.service_date)

    assert page.context["day"].state == DayState.UPCOMING
    assert page.context["day"].opens_at == schedule.same_day_from


def keep(schedule, until, rank=DESK_RANK):
    """Keep the last free places of a schedule, after all others are taken."""
    fill(schedule, 1, 2)
    schedule.slots.filter(number=3).update(reserved_rank=rank, reserved_until=until)


def test_a_day_whose_last_places_are_kept_says_when_they_fall_to_all(client, chen):
    until = clock.now() + timedelta(hours=5)
    schedule = schedule_with_slots(3, doctor=chen)
    keep(schedule, until)
    colleague = DoctorFactory(department=chen.department)
    schedule_with_slots(2, doctor=colleague, service_date=schedule.service_date)

    page = shown(client, day=schedule.service_date)

    assert (page.context["day"].state, page.context["day"].opens_at) == (DayState.UPCOMING, until)
    assert page.context["opening"].opens_at == until
    assert len(page.context["colleagues"]) == 1


def test_what_is_kept_until_the_stop_of_the_sale_opens_on_the_day_itself(client, chen):
    now = clock.now()
    stops_at, from_ = now + timedelta(hours=1), now + timedelta(hours=9)
    schedule = schedule_with_slots(3, doctor=chen, sale_stops_at=stops_at, same_day_from=from_)
    keep(schedule, stops_at)

    day = state_of(client, schedule.service_date)

    assert (day.state, day.opens_at) == (DayState.UPCOMING, from_)


@pytest.mark.parametrize("why", ["for you", "begun by then", "to return later"])
def test_a_day_says_nothing_of_kept_places_that_do_not_come(client, chen, why):
    gold = TierFactory(code="gold")
    schedule = schedule_with_slots(3, doctor=chen)
    last = schedule.slots.filter(number=3)
    keep(schedule, clock.now() + timedelta(hours=5), gold.rank)
    if why == "for you":
        client.force_login(member_with_patient(tier=gold).user)
    elif why == "begun by then":
        last.update(reserved_until=last.get().starts_at)
    else:
        last.update(returns_at=clock.now() + timedelta(minutes=9))

    day = state_of(client, schedule.service_date)

    assert day.state == (DayState.FEW if why == "for you" else DayState.FULL)


def test_starts_that_several_places_share_are_one_chip(client, chen):
    schedule = ScheduleFactory(doctor=chen, max_appointments=3)
    first = SlotFactory(schedule=schedule, number=1)
    SlotFactory(schedule=schedule, number=2)
    SlotFactory(schedule=schedule, number=3, starts_at=first.starts_at, ends_at=first.ends_at)

    [session] = shown(client).context["sessions"]

    assert [(chip.starts_at, chip.free) for chip in session.chips] == [
        (first.starts_at, 2),
        (schedule.slots.get(number=2).starts_at, 1),
    ]
    assert (session.free, session.total) == (3, 3)


def test_full_times_are_words_not_buttons(client, chen):
    schedule = schedule_with_slots(3, doctor=chen)
    taken = schedule.slots.get(number=2)
    fill(schedule, 2)

    page = shown(client)

    states = [chip.state for chip in page.context["sessions"][0].chips]
    assert states == [ChipState.FREE, ChipState.FULL, ChipState.FREE]
    assert f'value="{taken.starts_at.isoformat()}"' not in page.text
    assert page.text.count('<button class="chip"') == 2


def test_blocked_places_are_not_shown(client, chen):
    schedule_with_slots(3, doctor=chen).slots.filter(number=2).update(state="blocked")

    [session] = shown(client).context["sessions"]

    assert len(session.chips) == 2
    assert session.total == 2


def test_marks_times_that_overlap_a_visit_of_ones_own(client, chen):
    alice = member_with_patient()
    visit = book(alice, schedule_with_slots(3, service_date=in_days(3)))
    schedule_with_slots(3, doctor=chen, service_date=in_days(3))
    client.force_login(alice.user)

    [session] = shown(client, day=in_days(3)).context["sessions"]

    marked = [chip.starts_at for chip in session.chips if chip.state == ChipState.OVERLAP]
    assert marked == [visit.starts_at]


def test_names_sessions_by_half_day_in_the_readers_language(client, chen):
    morning = schedule_with_slots(3, doctor=chen)
    start = datetime.fromisoformat(f"{morning.service_date}T14:00:00+08:00")
    schedule_with_slots(
        3, doctor=chen, starts_at=start, ends_at=start + timedelta(hours=3), room=morning.room
    )

    headings = [session.heading for session in shown(client).context["sessions"]]

    assert headings == ["Morning", "Afternoon"]


def test_a_short_day_shows_the_next_open_day_too(client, chen):
    schedule_with_slots(2, doctor=chen, service_date=in_days(2))
    later = schedule_with_slots(6, doctor=chen, service_date=in_days(5))

    tail = shown(client).context["tail"]

    assert [chip.schedule for chip in tail] == [later] * 4


def test_an_earlier_open_day_is_shown_only_below_a_day_with_nothing(client, chen):
    earlier = schedule_with_slots(6, doctor=chen, service_date=in_days(2))
    last = schedule_with_slots(2, doctor=chen, service_date=in_days(5))

    with_two_left = shown(client, day=in_days(5)).context["tail"]
    fill(last)
    with_none_left = shown(client, day=in_days(5)).context["tail"]

    assert with_two_left == []
    assert [chip.schedule for chip in with_none_left] == [earlier] * 4


@pytest.mark.parametrize("why", ["full", "off"])
def test_a_full_day_or_a_day_off_offers_colleagues(client, chen, why):
    schedule = schedule_with_slots(1, doctor=chen)
    if why == "full":
        fill(schedule)
    else:
        call_off(schedule)
    day = schedule.service_date
    colleague = DoctorFactory(department=chen.department, name_en="Li Na")
    other = schedule_with_slots(2, doctor=colleague, service_date=day)
    schedule_with_slots(2, doctor=colleague, service_date=day + timedelta(1))
    schedule_with_slots(2, service_date=day)

    page = shown(client, day=day)

    assert [chip.schedule for chip in page.context["colleagues"]] == [other]
    assert "Li Na" in page.text


def test_a_day_with_free_times_offers_no_colleagues(client, chen):
    schedule = schedule_with_slots(1, doctor=chen)
    colleague = DoctorFactory(department=chen.department)
    schedule_with_slots(2, doctor=colleague, service_date=schedule.service_date)

    assert shown(client).context["colleagues"] == []


def test_leads_to_other_weeks_and_to_the_next_free_day(client, chen):
    schedule_with_slots(9, doctor=chen, service_date=in_days(9), release_at=clock.now())

    page = shown(client, day=in_days(0))

    assert page.context["previous_week"] is None
    assert page.context["next_week"] == in_days(7)
    assert page.context["next_free_on"] == in_days(9)
    later = shown(client, day=in_days(9))
    assert later.context["previous_week"] == in_days(0)
    assert later.context["next_week"] is None


def test_past_times_of_today_are_gone(client, chen):
    now = clock.now()
    schedule = schedule_with_slots(
        9,
        doctor=chen,
        service_date=in_days(0),
        starts_at=now - timedelta(minutes=50),
        ends_at=now + timedelta(hours=3),
        release_at=now - timedelta(days=7),
        sale_stops_at=now - timedelta(days=1),
        same_day_from=now - timedelta(hours=2),
    )

    [session] = shown(client, day=in_days(0)).context["sessions"]

    assert session.chips[0].starts_at == schedule.slots.get(number=4).starts_at


def test_offers_the_time_that_was_tapped_before_signing_in(client, chen):
    schedule = schedule_with_slots(3, doctor=chen)
    wanted = schedule.slots.get(number=2).starts_at

    page = shown(client, day=schedule.service_date, at=wanted.isoformat())

    assert page.context["chosen"].starts_at == wanted
    assert not page.context["is_chosen_gone"]


def test_says_that_the_time_tapped_before_signing_in_has_gone(client, chen):
    schedule = schedule_with_slots(3, doctor=chen)
    fill(schedule, 2)
    wanted = schedule.slots.get(number=2).starts_at

    page = shown(client, day=schedule.service_date, at=wanted.isoformat())

    assert page.context["chosen"] is None
    assert "The time you chose is no longer free." in page.text


def test_an_unknown_or_retired_doctor_is_not_found(client):
    DoctorFactory(slug="gone", is_active=False)

    assert client.get("/en/doctors/gone/").status_code == 404
    assert client.get("/en/doctors/nobody/").status_code == 404
    assert client.get("/en/doctors/a%00b/").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "day=9999-99-99",
        "day=9999-12-31",
        "day=0001-01-01",
        "day=%00",
        "at=%00",
        "at=9999-12-31T23:59:59Z",
        "at=0001-01-01T00:00:00%2B14:00",
        "day=2026-01-01&day=x",
    ],
)
def test_what_cannot_be_read_is_ignored(client, chen, query):
    schedule = schedule_with_slots(3, doctor=chen)

    page = client.get(f"/en/doctors/chen-wei/?{query}")

    assert page.status_code == 200
    assert page.context["day"].date == schedule.service_date


@pytest.mark.parametrize(("language", "name"), [("en", "<h1>Chen Wei"), ("zh-hans", "<h1>陈伟")])
def test_speaks_both_languages(client, chen, language, name):
    schedule_with_slots(3, doctor=chen)

    assert name in client.get(f"/{language}/doctors/chen-wei/").text


def test_asks_as_few_questions_for_many_days_as_for_one(
    client, chen, django_assert_max_num_queries
):
    alice = member_with_patient()
    for number in range(14):
        schedule_with_slots(3, doctor=chen, service_date=in_days(number + 1))
    book(alice, schedule_with_slots(1, service_date=in_days(2)))
    client.force_login(alice.user)

    with django_assert_max_num_queries(12):
        shown(client)
    fill(chen.schedules.get(service_date=in_days(5)))
    with django_assert_max_num_queries(12):
        shown(client, day=in_days(5))


def test_a_time_kept_for_a_tier_says_for_whom_and_from_when_all_may_take_it(client, chen):
    TierFactory(code="member")
    gold = TierFactory(code="gold")
    schedule = schedule_with_slots(3, doctor=chen)
    kept = schedule.slots.get(number=2)
    falls_at = schedule.starts_at - timedelta(days=1)
    schedule.slots.filter(number=2).update(reserved_rank=gold.rank, reserved_until=falls_at)
    schedule.slots.filter(number=3).update(reserved_rank=DESK_RANK, reserved_until=falls_at)

    page = shown(client)

    chips = page.context["sessions"][0].chips
    assert [chip.state for chip in chips] == ["free", "locked", "locked"]
    assert [chip.kept_for for chip in chips] == ["", "Gold", ""]
    assert "Gold first" in page.text
    assert f'name="starts_at" value="{kept.starts_at.isoformat()}"' not in page.text
    assert page.context["day"].free == 1
    member = member_with_patient(tier=gold)
    client.force_login(member.user, "django.contrib.auth.backends.ModelBackend")
    chips = shown(client).context["sessions"][0].chips
    assert [chip.state for chip in chips] == ["free", "free", "locked"]
