"""What stands on the first page?"""

from datetime import timedelta

import pytest

from medbook import clock
from tests.appointments.booking import book, hold
from tests.factories import (
    DepartmentFactory,
    DoctorFactory,
    PrivilegeFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Which doctor would you like to see?"), ("zh-hans", '<html lang="zh-hans"')],
)
def test_strangers_see_the_search_and_the_departments(client, language, words):
    DoctorFactory(department=DepartmentFactory(name_en="Cardiology", name_zh="心内科"))

    page = client.get(f"/{language}/")

    assert page.status_code == 200
    assert words in page.text
    assert ("Cardiology" if language == "en" else "心内科") in page.text


def test_shows_the_next_visit_and_the_hold_to_confirm(client):
    alice = member_with_patient()
    visit = book(alice, schedule_with_slots(3), key="1")
    later = schedule_with_slots(3, service_date=visit.service_date + timedelta(1))
    held = hold(alice, later, key="2")
    client.force_login(alice.user)

    page = client.get("/en/")

    assert page.context["next_appointment"] == visit
    assert f"/en/appointments/{visit.reference}/" in page.text
    assert page.context["held_appointment"] == held
    assert f"/en/appointments/{held.reference}/confirm/" in page.text


def test_offers_doctors_seen_before_with_their_next_two_times(client):
    alice, schedule = member_with_patient(), schedule_with_slots(5)
    schedule_with_slots(5)
    book(alice, schedule)
    client.force_login(alice.user)

    [card] = client.get("/en/").context["book_again"]

    assert card.doctor == schedule.doctor
    assert [chip.starts_at for chip in card.chips] == [
        slot.starts_at for slot in schedule.slots.order_by("number")[1:3]
    ]


def test_a_strangers_visits_are_not_shown(client):
    visit = book(member_with_patient(), schedule_with_slots(3))
    client.force_login(member_with_patient().user)

    page = client.get("/en/")

    assert page.context["next_appointment"] is None
    assert visit.reference not in page.text


def test_lists_what_opens_within_48_hours_by_when_it_opens_for_the_reader(client):
    alice, now = member_with_patient(), clock.now()
    PrivilegeFactory(tier=alice.tier, key="early_access_minutes", value="30")
    soon = schedule_with_slots(2, release_at=now + timedelta(hours=47))
    schedule_with_slots(2, release_at=now + timedelta(hours=49))
    schedule_with_slots(2, release_at=now + timedelta(minutes=20))
    client.force_login(alice.user)

    [opening] = client.get("/en/").context["opening_soon"]

    assert opening.schedule == soon
    assert opening.opens_at == soon.release_at - timedelta(minutes=30)


def test_is_kept_out_of_caches(client):
    assert "no-store" in client.get("/en/")["Cache-Control"]


def test_asks_few_questions_however_much_there_is(client, django_assert_max_num_queries):
    alice = member_with_patient()
    for number in range(3):
        day = clock.local_date(clock.now(), "Asia/Shanghai") + timedelta(number + 2)
        book(alice, schedule_with_slots(9, service_date=day), key=str(number))
    schedule_with_slots(2, release_at=clock.now() + timedelta(hours=5))
    client.force_login(alice.user)

    with django_assert_max_num_queries(13):
        client.get("/en/")
