"""Whom does the search find?"""

from datetime import datetime, timedelta

import pytest

from appointments.selectors.catalogue import Opening
from medbook import clock
from scheduling.choices import Title
from scheduling.rules.sessions import DESK_RANK, search_text
from tests.appointments.booking import fill
from tests.factories import (
    ClinicFactory,
    DepartmentFactory,
    DoctorFactory,
    PrivilegeFactory,
    TierFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


def doctor(name_en, name_zh, code, **fields):
    """Make a doctor who is found as the real ones are."""
    words = search_text(name_en, name_zh, code)
    return DoctorFactory(name_en=name_en, name_zh=name_zh, code=code, search_text=words, **fields)


def in_days(days):
    return clock.local_date(clock.now(), "Asia/Shanghai") + timedelta(days)


def found(client, query="", language="en"):
    page = client.get(f"/{language}/doctors/?{query}")
    assert page.status_code == 200
    return [card.doctor for card in page.context["cards"]]


@pytest.mark.parametrize(
    "typed", ["shen", "SHEN yun", "沈", "沈昀", "沈医生", "sy", "Dr. Shen", "D77"]
)
def test_finds_by_name_in_any_script(client, typed):
    shen = doctor("Shen Yun", "沈昀", "D77")
    doctor("Li Na", "李娜", "D78")

    page = client.get("/en/doctors/", {"q": typed})

    assert [card.doctor for card in page.context["cards"]] == [shen]


@pytest.mark.parametrize("typed", ["heart", "心内科"])
def test_finds_by_department(client, typed):
    shen = DoctorFactory(department=DepartmentFactory(name_en="Heart unit", name_zh="心内科"))
    DoctorFactory(department=DepartmentFactory(name_en="Skin unit", name_zh="皮肤科"))

    page = client.get("/zh-hans/doctors/", {"q": typed})

    assert [card.doctor for card in page.context["cards"]] == [shen]


def test_filters_by_department_and_title(client):
    heart = DepartmentFactory(code="heart")
    chief = DoctorFactory(department=heart, title=Title.CHIEF)
    attending = DoctorFactory(department=heart, title=Title.ATTENDING)
    DoctorFactory(title=Title.CHIEF)

    assert set(found(client, "department=heart")) == {chief, attending}
    assert found(client, "department=heart&title=chief") == [chief]


def test_filters_by_day_and_half_by_the_clinics_clock(client):
    department = DepartmentFactory(clinic=ClinicFactory(code="ny", time_zone="America/New_York"))
    day = in_days(3)
    schedule = schedule_with_slots(
        3,
        doctor=DoctorFactory(department=department),
        service_date=day,
        starts_at=datetime.fromisoformat(f"{day}T14:00:00-05:00"),
        ends_at=datetime.fromisoformat(f"{day}T17:00:00-05:00"),
    )

    assert found(client, f"day={day}&half=afternoon") == [schedule.doctor]
    assert found(client, f"day={day}&half=morning") == []
    assert found(client, f"day={day + timedelta(1)}") == []


def test_puts_the_soonest_free_first_and_keeps_who_is_full(client):
    full = schedule_with_slots(2, service_date=in_days(2)).doctor
    fill(full.schedules.get())
    later = schedule_with_slots(2, service_date=in_days(4)).doctor
    sooner = schedule_with_slots(2, service_date=in_days(3)).doctor

    assert found(client) == [sooner, later, full]


def test_shows_the_next_three_times_and_how_many_are_left_this_week(client):
    schedule = schedule_with_slots(9)
    fill(schedule, 2)

    [card] = client.get("/en/doctors/").context["cards"]

    numbers = [1, 3, 4]
    assert [chip.starts_at for chip in card.chips] == [
        slot.starts_at for slot in schedule.slots.filter(number__in=numbers).order_by("number")
    ]
    assert card.free_this_week == 8


def test_shows_times_of_the_asked_day_only(client):
    doctor = schedule_with_slots(2, service_date=in_days(2)).doctor
    asked = schedule_with_slots(2, doctor=doctor, service_date=in_days(3))

    [card] = client.get(f"/en/doctors/?day={in_days(3)}").context["cards"]

    assert {chip.schedule for chip in card.chips} == {asked}


def test_prices_by_the_readers_tier(client):
    gold = TierFactory(code="gold", name_zh="金卡")
    PrivilegeFactory(tier=gold, key="discount_rate", value="0.9")
    schedule_with_slots(2)
    client.force_login(member_with_patient(tier=gold).user)

    page = client.get("/en/doctors/")

    assert "with Gold <strong>¥162</strong>" in page.text


def test_what_opens_early_is_free_to_the_early_only(client):
    gold = TierFactory(code="gold")
    PrivilegeFactory(tier=gold, key="early_access_minutes", value="15")
    schedule_with_slots(2, release_at=clock.now() + timedelta(minutes=10))

    [for_strangers] = client.get("/en/doctors/").context["cards"]
    client.force_login(member_with_patient(tier=gold).user)
    [for_gold] = client.get("/en/doctors/").context["cards"]

    assert for_strangers.chips == []
    assert len(for_gold.chips) == 2


def test_a_card_says_when_the_last_places_fall_to_all_if_that_comes_first(client):
    until = clock.now() + timedelta(hours=5)
    after = until + timedelta(hours=1)
    kept = schedule_with_slots(1)
    kept.slots.update(reserved_rank=DESK_RANK, reserved_until=until)
    schedule_with_slots(
        1, doctor=kept.doctor, service_date=in_days(9), release_at=until + timedelta(hours=1)
    )

    [card] = client.get("/en/doctors/").context["cards"]
    assert (card.chips, card.opening) == ([], Opening(kept, until))

    kept.slots.update(reserved_until=kept.ends_at)  # which nobody gets any more
    [card] = client.get("/en/doctors/").context["cards"]
    assert card.opening.opens_at == after


def test_an_empty_result_names_the_filter_to_leave_out(client):
    heart = DepartmentFactory(code="heart")
    DoctorFactory.create_batch(2, department=heart, title=Title.ATTENDING)
    DoctorFactory(title=Title.CHIEF)

    page = client.get("/en/doctors/?department=heart&title=chief")

    assert page.context["count"] == 0
    assert page.context["loosest"]["count"] == 2
    assert page.context["loosest"]["query"] == "department=heart"
    assert "?department=heart" in page.text


def test_retired_doctors_and_closed_departments_are_not_found(client):
    DoctorFactory(is_active=False)
    DoctorFactory(department=DepartmentFactory(is_active=False))

    assert found(client) == []


def test_shows_twenty_doctors_on_a_page(client):
    DoctorFactory.create_batch(23, department=DepartmentFactory())

    assert len(found(client)) == 20
    assert len(found(client, "page=2")) == 3
    assert "page=2" in client.get("/en/doctors/").text


@pytest.mark.parametrize(
    "query",
    [
        "day=9999-99-99",
        "day=9999-12-31x",
        "q=%00",
        "q=" + "x" * 500,
        "department=nowhere",
        "half=midnight",
        "title=%00",
    ],
)
def test_what_cannot_be_read_is_refused_and_the_rest_shown(client, query):
    shown = DoctorFactory()

    page = client.get(f"/en/doctors/?{query}")

    assert page.status_code == 400
    assert [card.doctor for card in page.context["cards"]] == [shown]
    assert "error-summary" in page.text


@pytest.mark.parametrize(
    "query", ["day=9999-12-31", "day=0001-01-01", "page=abc", "page=-3", "x=1"]
)
def test_odd_questions_get_an_answer(client, query):
    assert client.get(f"/en/doctors/?{query}").status_code == 200


def test_asks_few_questions_however_many_doctors(client, django_assert_max_num_queries):
    alice, day = member_with_patient(), in_days(3)
    for number in range(12):
        schedule_with_slots(4, service_date=day + timedelta(number % 3))
    client.force_login(alice.user)

    with django_assert_max_num_queries(13):
        client.get("/en/doctors/?half=morning")
    with django_assert_max_num_queries(13):
        client.get("/en/doctors/?q=nobody&half=morning")
