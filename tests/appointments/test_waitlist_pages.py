"""What do members see of the waitlist, and what can they do there?"""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from appointments.choices import AppointmentState, EntryState
from appointments.models import Appointment, WaitlistEntry
from tests.appointments.booking import book, hold
from tests.appointments.waiting import after, cancel, open_offer, wait_for
from tests.factories import (
    FamilyLinkFactory,
    PrivilegeFactory,
    TierFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

NOON = datetime.fromisoformat("2026-12-01T12:00:00+08:00")
PAGE = "/en/waitlist/"


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def alice(client):
    member = member_with_patient()
    client.force_login(member.user, "django.contrib.auth.backends.ModelBackend")
    return member


@pytest.fixture
def full():
    schedule = schedule_with_slots(1)
    book(member_with_patient(), schedule)
    return schedule


@pytest.fixture
def offer(alice):
    """A place that is on offer to Alice."""
    schedule = schedule_with_slots(1)
    appointment = book(member_with_patient(), schedule)
    wait_for(schedule, alice)
    cancel(appointment)
    return open_offer(alice)


def offer_page(offer):
    return f"{PAGE}offers/{offer.uid}/"


def text_of(answer):
    return answer.content.decode()


def test_a_full_session_leads_to_the_waitlist_and_one_tap_joins(client, alice, full):
    page = client.get(f"/en/doctors/{full.doctor.slug}/?day={full.service_date}")
    address = f"{PAGE}join/?schedule={full.uid}"
    assert address in text_of(page)

    assert client.get(address).status_code == 200
    answer = client.post(address)

    assert answer["Location"] == PAGE
    assert "Among the first 5" in text_of(client.get(PAGE))
    assert WaitlistEntry.objects.get().schedule == full


def test_a_doctor_without_free_times_leads_to_the_waitlist(client, full):
    page = text_of(client.get("/en/doctors/"))

    assert f"join/?doctor={full.doctor.slug}" in page


def test_the_next_release_is_told_where_nothing_is_free(client, full):
    schedule_with_slots(
        1,
        doctor=full.doctor,
        service_date=NOON.date() + timedelta(days=9),
        release_at=NOON + timedelta(days=2),
    )

    assert 'opens <span class="unbroken">Thu 3 Dec, 12:00</span>' in text_of(
        client.get("/en/doctors/")
    )
    assert 'opens <span class="unbroken">Thu 3 Dec, 12:00</span>' in text_of(
        client.get(f"/en/doctors/{full.doctor.slug}/?day={full.service_date}")
    )


def test_a_refused_booking_offers_what_helps(client, alice, full):
    other = schedule_with_slots(1, doctor=full.doctor, service_date=NOON.date() + timedelta(4))
    tapped = {"schedule_uid": full.uid, "idempotency_key": uuid4()}

    answer = client.post("/en/book/", tapped)

    assert answer.status_code == 409
    assert str(other.uid) in text_of(answer)
    assert f"join/?schedule={full.uid}" in text_of(answer)


def test_joins_for_a_child_with_a_doctor_on_some_days(client, alice, full):
    child = FamilyLinkFactory(member=alice, relation="child").patient
    said = {
        "patient": child.uid,
        "first_day": "2026-12-02",
        "last_day": "2026-12-09",
        "half_days": ["afternoon"],
    }

    client.post(f"{PAGE}join/?doctor={full.doctor.slug}", said)

    wish = WaitlistEntry.objects.get()
    assert (wish.patient, wish.half_days) == (child, ["afternoon"])


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"first_day": "2026-12-09", "last_day": "2026-12-02"}, 422),
        ({"first_day": "2026-02-30"}, 422),
        ({"half_days": []}, 422),
        ({"half_days": ["noon"]}, 422),
        ({"first_day": "2026-11-01", "last_day": "2026-11-02"}, 409),
        ({"last_day": "9999-12-31"}, 409),
    ],
)
def test_days_that_cannot_be_are_refused_in_words(client, alice, full, said, status):
    right = {"first_day": "2026-12-02", "last_day": "2026-12-09", "half_days": ["morning"]}

    answer = client.post(f"{PAGE}join/?department={full.department.code}", {**right, **said})

    assert answer.status_code == status
    assert "Please check these answers" in text_of(answer)
    assert not WaitlistEntry.objects.exists()


@pytest.mark.parametrize(
    "query", ["", "?doctor=nobody", "?schedule=1", "?department=x&doctor=y", "?schedule=%00"]
)
def test_an_address_without_a_target_leads_to_the_doctors(client, alice, query):
    assert client.get(f"{PAGE}join/{query}")["Location"] == "/en/doctors/"


def test_a_free_place_is_shown_instead_of_waiting_for_it(client, alice):
    schedule = schedule_with_slots(1)

    answer = client.post(f"{PAGE}join/?schedule={schedule.uid}")

    assert answer.status_code == 409
    assert "These times are still free" in text_of(answer)


@pytest.mark.parametrize("waits", [True, False])
def test_a_hold_that_ran_out_is_called_free_unless_somebody_waits(
    client, alice, time_machine, waits
):
    schedule = schedule_with_slots(1)
    held = hold(alice, schedule)
    if waits:
        wait_for(schedule, member_with_patient())
    time_machine.move_to(NOON + timedelta(minutes=16), tick=False)

    page = client.get(f"/en/appointments/{held.reference}/confirm/")

    assert page.status_code == 410
    assert ("Take it again?" in text_of(page)) is not waits
    assert (f"join/?schedule={schedule.uid}" in text_of(page)) is waits


def test_the_effect_of_tiers_is_told_as_it_is(client, alice):
    assert "Tiers make no difference" in text_of(client.get(PAGE))

    PrivilegeFactory(tier=TierFactory(code="gold"), key="waitlist_weight", value="3")

    assert "your weight is 1, the highest is 3" in text_of(client.get(PAGE))


def test_changes_a_wish(client, alice, full):
    wish = wait_for(full, alice, schedule=None)
    said = {"first_day": "2026-12-02", "last_day": "2026-12-03", "half_days": ["evening"]}

    assert client.post(f"{PAGE}{wish.uid}/", said)["Location"] == PAGE

    wish.refresh_from_db()
    assert wish.half_days == ["evening"]


def test_leaves(client, alice, full):
    wish = wait_for(full, alice)
    assert "Leave the waitlist" in text_of(client.get(f"{PAGE}{wish.uid}/"))

    client.post(f"{PAGE}{wish.uid}/leave/")

    wish.refresh_from_db()
    assert wish.state == EntryState.LEFT
    assert "Left the waitlist" in text_of(client.get(PAGE))


def test_the_page_of_a_wish_leads_to_its_offer(client, alice, offer, time_machine):
    page = f"{PAGE}{offer.entry.uid}/"
    assert f'class="button" href="{offer_page(offer)}"' in text_of(client.get(page))

    time_machine.move_to(offer.expires_at, tick=False)

    assert offer_page(offer) not in text_of(client.get(page))


def test_the_page_of_a_wish_asks_few_questions(client, alice, offer, django_assert_max_num_queries):
    client.get(f"{PAGE}{offer.entry.uid}/")

    with django_assert_max_num_queries(10):
        client.get(f"{PAGE}{offer.entry.uid}/")


def test_an_offer_says_until_when_and_is_accepted_by_one_tap(client, alice, offer):
    page = text_of(client.get(offer_page(offer)))
    assert (
        'It is yours until <strong><span class="unbroken">Tue 1 Dec, 12:15</span></strong>' in page
    )
    assert "Look at the offer" in text_of(client.get(PAGE))

    answer = client.post(offer_page(offer), {"answer": "accept"})

    held = Appointment.objects.get(member=alice)
    assert held.state == AppointmentState.HELD
    assert answer["Location"] == f"/en/appointments/{held.reference}/confirm/"
    again = client.get(offer_page(offer))
    assert again["Location"] == answer["Location"]


@pytest.mark.parametrize(("said", "state"), [("keep", "waiting"), ("decline", "left")])
def test_an_offer_is_declined(client, alice, offer, said, state):
    assert client.post(offer_page(offer), {"answer": said})["Location"] == PAGE

    assert WaitlistEntry.objects.get().state == state
    over = client.get(offer_page(offer))
    assert (over.status_code, "You declined this place" in text_of(over)) == (410, True)


def test_an_offer_that_ran_out_says_whether_the_wish_waits_on(client, alice, offer, time_machine):
    time_machine.move_to(after(offer), tick=False)

    answer = client.post(offer_page(offer), {"answer": "accept"})

    assert answer.status_code == 410
    assert "You keep your place on the waitlist." in text_of(answer)
    WaitlistEntry.objects.update(lapses=1)
    assert "You are no longer on the waitlist." in text_of(client.get(offer_page(offer)))


def test_a_clash_is_said_and_the_offer_stays(client, alice, offer):
    book(alice, schedule_with_slots(1), key="meanwhile")

    answer = client.post(offer_page(offer), {"answer": "accept"})

    assert answer.status_code == 409
    assert "already has an appointment at this time" in text_of(answer)
    assert open_offer(alice)


def test_what_is_no_answer_changes_nothing(client, alice, offer):
    assert client.post(offer_page(offer), {"answer": "perhaps"}).status_code == 422
    assert open_offer(alice)


@pytest.mark.parametrize("act", ["", "leave/"])
def test_strangers_find_nothing(client, alice, full, act):
    wish = wait_for(full, member_with_patient())

    assert client.post(f"{PAGE}{wish.uid}/{act}").status_code == 404


def test_strangers_find_no_offer(client, offer):
    bo = member_with_patient()
    client.force_login(bo.user, "django.contrib.auth.backends.ModelBackend")

    assert client.get(offer_page(offer)).status_code == 404


def test_the_list_asks_few_questions(client, alice, offer, django_assert_max_num_queries):
    for _ in range(2):
        full = schedule_with_slots(1)
        book(member_with_patient(), full)
        wait_for(full, alice)
    client.get(PAGE)

    with django_assert_max_num_queries(16):
        client.get(PAGE)
