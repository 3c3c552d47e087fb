"""Does the API let members wait, and answer offers?"""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from appointments.choices import EntryState
from appointments.models import WaitlistEntry
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.appointments.booking import book
from tests.appointments.waiting import after, cancel, open_offer, wait_for
from tests.factories import member_with_patient, schedule_with_slots

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

NOON = datetime.fromisoformat("2026-12-01T12:00:00+08:00")
LIST = f"{ROOT}waitlist/"
NOTHING = "00000000-0000-4000-8000-000000000000"  # workers must agree on the names of tests


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def alice():
    return member_with_patient()


@pytest.fixture
def full():
    schedule = schedule_with_slots(1)
    book(member_with_patient(), schedule)
    return schedule


def join(member, key="one", **target):
    body = {"patient": str(member.links.get().patient.uid), **target}
    return caller(member).post(LIST, body, headers={"Idempotency-Key": key})


def offered(member):
    """Let a place come free for a member who waits; return the offer."""
    schedule = schedule_with_slots(1)
    appointment = book(member_with_patient(), schedule)
    wait_for(schedule, member)
    cancel(appointment)
    return open_offer(member)


def answer(member, offer, verb, **body):
    return caller(member).post(f"{LIST}offers/{offer.uid}/{verb}/", body)


def test_waits_for_a_session(alice, full):
    made = join(alice, schedule=str(full.uid))

    assert made.status_code == 201
    assert (made.json()["state"], made.json()["position"]) == ("waiting", "top")
    [listed] = caller(alice).get(LIST, {"state": "waiting"}).json()["results"]
    assert listed == made.json()


def test_the_same_key_gives_the_same_wish(alice, full):
    first, again = (join(alice, schedule=str(full.uid)) for _ in range(2))

    assert again.json() == first.json()
    assert again["Idempotent-Replay"] == "true"
    assert WaitlistEntry.objects.count() == 1


def test_the_same_wish_with_another_key_is_refused(alice, full):
    join(alice, schedule=str(full.uid))

    assert refusal(join(alice, "two", schedule=str(full.uid))) == (409, "waitlist_duplicate")


def test_waits_for_a_doctor_on_some_days(alice, full):
    made = join(
        alice,
        doctor=str(full.doctor.uid),
        first_day="2026-12-02",
        last_day="2026-12-09",
        half_days=["morning"],
    )

    assert made.status_code == 201
    assert (made.json()["schedule"], made.json()["half_days"]) == (None, ["morning"])


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"department": "contradiction"}),
        ({"schedule": NOTHING, "doctor": NOTHING}, {"doctor": "contradiction"}),
        ({"schedule": NOTHING, "first_day": "2026-12-02"}, {"first_day": "contradiction"}),
        ({"schedule": "x"}, {"schedule": "invalid"}),
        ({"doctor": NOTHING}, {"first_day": "required"}),
        (
            {"doctor": NOTHING, "first_day": "2026-12-09", "last_day": "2026-12-02"},
            {"last_day": "contradiction"},
        ),
        (
            {"doctor": NOTHING, "first_day": "2026-02-30", "last_day": "2026-12-02"},
            {"first_day": "invalid"},
        ),
        (
            {
                "doctor": NOTHING,
                "first_day": "2026-12-02",
                "last_day": "2026-12-02",
                "half_days": ["noon"],
            },
            {"half_days.0": "invalid_choice"},
        ),
    ],
    ids=str,
)
def test_what_cannot_be_waited_for_is_named(alice, body, wrong):
    assert wrong_fields(join(alice, **body)) == wrong
    assert not WaitlistEntry.objects.exists()


def test_nobody_waits_for_what_is_not_there(alice):
    assert refusal(join(alice, schedule=str(uuid4()))) == (404, "not_found")


def test_a_free_place_is_told_instead_of_waiting_for_it(alice):
    schedule = schedule_with_slots(1)

    refused = join(alice, schedule=str(schedule.uid))

    assert refusal(refused) == (409, "places_free")
    [time] = refused.json()["alternatives"]["times"]
    assert time["schedule"] == str(schedule.uid)


def test_who_finds_a_session_full_is_told_what_helps(alice, full):
    other = schedule_with_slots(1, doctor=full.doctor, service_date=NOON.date() + timedelta(4))
    body = {"patient": str(alice.links.get().patient.uid), "schedule": str(full.uid)}

    refused = caller(alice).post(f"{ROOT}appointments/", body, headers={"Idempotency-Key": "one"})

    assert refusal(refused) == (409, "sold_out")
    helps = refused.json()["alternatives"]
    assert [time["schedule"] for time in helps["times"]] == [str(other.uid)]
    assert (helps["waitlist"], helps["opens_at"]) == (True, None)


def test_leaves_the_waitlist(alice, full):
    wish = join(alice, schedule=str(full.uid)).json()

    assert caller(alice).delete(f"{LIST}{wish['id']}/").status_code == 204
    assert WaitlistEntry.objects.get().state == EntryState.LEFT


def test_accepts_an_offer_and_confirms_it(alice):
    offer = offered(alice)
    [listed] = caller(alice).get(f"{LIST}offers/").json()["results"]

    held = answer(alice, offer, "accept")

    assert listed["id"] == str(offer.uid)
    assert (held.status_code, held.json()["state"]) == (200, "held")
    confirmed = caller(alice).post(
        f"{ROOT}appointments/{held.json()['id']}/confirm/", {"pay": "desk"}
    )
    assert confirmed.json()["state"] == "booked"


def test_declines_and_waits_on(alice):
    offer = offered(alice)

    declined = answer(alice, offer, "decline", keep=True)

    assert declined.json()["state"] == "declined"
    assert WaitlistEntry.objects.get().state == EntryState.WAITING


@pytest.mark.parametrize("verb", ["accept", "decline"])
def test_an_offer_that_is_over_is_gone(alice, verb, time_machine):
    offer = offered(alice)
    time_machine.move_to(after(offer), tick=False)

    assert refusal(answer(alice, offer, verb)) == (410, "offer_expired")


@pytest.mark.parametrize("verb", ["accept", "decline"])
def test_strangers_find_no_offer(alice, verb):
    assert refusal(answer(member_with_patient(), offered(alice), verb)) == (404, "not_found")
