"""Booking by API: from a place to a booked appointment, and every way in which it is refused."""

from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from appointments.models import Appointment
from billing.models import Invoice
from medbook import clock
from members.models import FamilyLink
from members.selectors.tiers import privileges
from scheduling.choices import ScheduleState
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.factories import (
    FamilyLinkFactory,
    PatientFactory,
    PrivilegeFactory,
    ScheduleFactory,
    TierFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db
LIST = ROOT + "appointments/"


@pytest.fixture
def alice():
    return member_with_patient()


@pytest.fixture
def bo():
    return member_with_patient()


def order(member, schedule, /, key="one", **fields):
    """Ask for a place for the member's first patient."""
    body = {
        "schedule": str(schedule.uid),
        "patient": str(member.links.order_by("id").first().patient.uid),
        **fields,
    }
    headers = {} if key is None else {"Idempotency-Key": key}
    return caller(member).post(LIST, body, headers=headers)


def act(member, appointment, verb, **body):
    uid = appointment["id"] if isinstance(appointment, dict) else appointment
    return caller(member).post(f"{LIST}{uid}/{verb}/", body)


def test_a_member_books_a_place_to_be_paid_at_the_clinic(alice):
    schedule = schedule_with_slots(2)

    answer = order(alice, schedule, pay="desk", reason="Cough")

    assert answer.status_code == 201
    assert "Idempotent-Replay" not in answer
    body = answer.json()
    appointment = Appointment.objects.get()
    invoice = Invoice.objects.get()
    assert body == {
        "id": str(appointment.uid),
        "reference": appointment.reference,
        "state": "booked",
        "patient": str(appointment.patient.uid),
        "schedule": str(schedule.uid),
        "slot": str(appointment.slot.uid),
        "number": 1,
        "doctor": {"id": str(schedule.doctor.uid), "name": "Chen Wei"},
        "department": {"id": str(schedule.department.uid), "name": "Cardiology"},
        "clinic": {"id": str(schedule.department.clinic.uid), "name": "East Clinic"},
        "room": {"id": str(schedule.room.uid), "name": schedule.room.code},
        "date": str(schedule.service_date),
        "starts_at": f"{schedule.service_date}T09:00:00+08:00",
        "ends_at": f"{schedule.service_date}T09:20:00+08:00",
        "arrived_at": None,
        "started_at": None,
        "completed_at": None,
        "end_reason": "",
        "reason": "Cough",
        "fee": "180.00",
        "discount": "0.00",
        "insured": "0.00",
        "points": 0,
        "price": "180.00",
        "currency": "CNY",
        "way_to_pay": "desk",
        "cancel_until": f"{schedule.service_date - timedelta(1)}T09:00:00+08:00",
        "created_at": body["created_at"],
        "hold_expires_at": None,
        "confirmed_at": body["confirmed_at"],
        "invoice": {
            "id": str(invoice.uid),
            "reference": invoice.reference,
            "total": "180.00",
            "currency": "CNY",
            "state": "open",
        },
        "extra_invoice": None,
        "refunds": [],
        "reschedules": 0,
    }


def test_a_place_is_held_and_confirmed_later(alice):
    held = order(alice, schedule_with_slots(1)).json()

    assert (held["state"], held["invoice"], held["way_to_pay"]) == ("held", None, "")
    assert held["hold_expires_at"]

    booked = act(alice, held, "confirm", pay="desk", reason="Cough")
    again = act(alice, held, "confirm", pay="desk")

    assert (booked.status_code, again.status_code) == (200, 200)
    assert booked.json()["state"] == "booked"
    assert again.json() == booked.json()


def test_a_start_or_a_place_can_be_chosen(alice, bo):
    schedule = schedule_with_slots(3)
    second, third = schedule.slots.filter(number__gt=1).order_by("number")

    by_start = order(alice, schedule, starts_at=second.starts_at.isoformat())
    by_place = order(bo, schedule, slot=str(third.uid))

    assert (by_start.json()["number"], by_place.json()["number"]) == (2, 3)


def test_confirming_may_name_another_patient_of_the_account(alice):
    child = FamilyLinkFactory(member=alice, relation="child").patient
    held = order(alice, schedule_with_slots(1)).json()

    booked = act(alice, held, "confirm", pay="desk", patient=str(child.uid))

    assert booked.json()["patient"] == str(child.uid)


def test_the_same_key_and_body_answer_with_the_same_appointment(alice):
    schedule = schedule_with_slots(3)
    first = order(alice, schedule, pay="desk")

    again = order(alice, schedule, pay="desk")

    assert (again.status_code, again["Idempotent-Replay"]) == (201, "true")
    assert again.json() == first.json()
    assert Appointment.objects.count() == 1


def test_a_replay_shows_the_appointment_as_it_is_now(alice):
    schedule = schedule_with_slots(3)
    first = order(alice, schedule, pay="desk").json()
    act(alice, first, "cancel")

    assert order(alice, schedule, pay="desk").json()["state"] == "cancelled"


@pytest.mark.parametrize("change", [{"pay": "desk", "reason": "Else"}, {"pay": "desk", "slot": 1}])
def test_the_same_key_with_another_body_is_refused(alice, change):
    schedule = schedule_with_slots(3)
    order(alice, schedule, pay="desk")
    if "slot" in change:
        change = {**change, "slot": str(schedule.slots.get(number=2).uid)}

    assert refusal(order(alice, schedule, **change)) == (422, "idempotency_key_reused")


def test_a_key_belongs_to_its_member(alice, bo):
    schedule = schedule_with_slots(3)

    answers = [order(member, schedule, pay="desk") for member in (alice, bo)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]


def test_a_refusal_is_not_remembered(alice, bo):
    schedule = schedule_with_slots(1)
    taken = order(bo, schedule, pay="desk").json()
    assert refusal(order(alice, schedule, pay="desk")) == (409, "sold_out")

    act(bo, taken, "cancel")

    assert order(alice, schedule, pay="desk").status_code == 201


def test_a_booking_needs_a_key(alice):
    answer = order(alice, schedule_with_slots(1), key=None, pay="desk")

    assert refusal(answer) == (400, "idempotency_key_required")
    assert not Appointment.objects.exists()


@pytest.mark.parametrize("key", ["x" * 256, "é", "a\tb", "a\x7fb"])
def test_a_key_is_1_to_255_printable_characters(alice, key):
    answer = order(alice, schedule_with_slots(1), key=key, pay="desk")

    assert wrong_fields(answer) == {"Idempotency-Key": "invalid"}
    assert order(alice, schedule_with_slots(1), key="x" * 255).status_code == 201


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"patient": None}, {"patient": "null"}),
        ({"schedule": "x"}, {"schedule": "invalid"}),
        ({"pay": "cheque"}, {"pay": "invalid_choice"}),
        ({"pay": ""}, {"pay": "invalid_choice"}),
        ({"reason": "Cough"}, {"reason": "contradiction"}),
        ({"pay": "desk", "reason": ""}, {"reason": "blank"}),
        (
            {"slot": str(uuid4()), "starts_at": "2026-12-01T09:00:00+08:00"},
            {"slot": "contradiction"},
        ),
        ({"points": 100}, {"points": "contradiction"}),
        ({"pay": "desk", "points": -1}, {"points": "min_value"}),
        ({"pay": "desk", "points": 10**30}, {"points": "max_value"}),
        ({"pay": "desk", "points": "100"}, {"points": "wrong_type"}),
        ({"pay": "desk", "points": None}, {"points": "null"}),
        ({"tier": "gold"}, {"tier": "unknown_field"}),
    ],
)
def test_a_wrong_body_books_nothing(alice, fields, wrong):
    assert wrong_fields(order(alice, schedule_with_slots(1), **fields)) == wrong
    assert not Appointment.objects.exists()


def test_nobody_sets_what_the_house_decides(alice, bo):
    """Every column of the appointment, sent along, is refused and changes nothing."""
    schedule = schedule_with_slots(1)
    columns = {field.name for field in Appointment._meta.get_fields()}
    told = {"patient", "slot", "starts_at", "reason", "points"}

    for column in columns - told:
        answer = order(alice, schedule, pay="desk", **{column: str(bo.uid)})
        assert wrong_fields(answer) == {column: "unknown_field"}

    assert not Appointment.objects.exists()


def test_a_patient_of_another_account_is_not_found(alice, bo):
    strangers = bo.links.get().patient

    for uid in (strangers.uid, PatientFactory().uid, uuid4()):
        answer = order(alice, schedule_with_slots(1), patient=str(uid))
        assert refusal(answer) == (404, "not_your_patient")


def test_an_unknown_schedule_or_a_draft_is_not_found(alice):
    draft = schedule_with_slots(1, state=ScheduleState.DRAFT)
    unknown = ScheduleFactory.build()

    for schedule in (draft, unknown):
        assert refusal(order(alice, schedule, pay="desk")) == (404, "not_found")


NOW = clock.now
REFUSALS = {
    "not_open_yet": lambda: schedule_with_slots(1, release_at=NOW() + timedelta(hours=1)),
    "sale_over": lambda: schedule_with_slots(1, sale_stops_at=NOW() - timedelta(hours=1)),
    "called_off": lambda: schedule_with_slots(1, state=ScheduleState.CALLED_OFF),
    "sold_out": lambda: ScheduleFactory(),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_rule_says_no_with_its_code(alice, code):
    assert refusal(order(alice, REFUSALS[code](), pay="desk")) == (409, code)


def test_a_no_brings_the_facts_along(alice):
    schedule = REFUSALS["not_open_yet"]()

    answer = order(alice, schedule, pay="desk")

    opens_at = schedule.release_at.astimezone(ZoneInfo(schedule.time_zone))
    assert answer.json()["opens_at"] == opens_at.isoformat()


def test_a_place_that_somebody_took_a_moment_ago_is_taken(alice, bo):
    schedule = schedule_with_slots(2)
    order(bo, schedule, pay="desk")

    answer = order(alice, schedule, pay="desk", slot=str(schedule.slots.get(number=1).uid))

    assert refusal(answer) == (409, "slot_taken")


def test_a_start_in_the_past_is_refused(alice):
    answer = order(alice, schedule_with_slots(1), starts_at="2020-01-01T09:00:00+08:00")

    assert refusal(answer) == (409, "in_the_past")


def test_a_patient_without_identity_is_refused(alice):
    nameless = FamilyLinkFactory(
        member=alice, relation="other", patient=PatientFactory(identity_number=None)
    ).patient

    answer = order(alice, schedule_with_slots(1), patient=str(nameless.uid), pay="desk")

    assert refusal(answer) == (409, "identity_incomplete")


def test_paying_at_the_clinic_may_be_a_privilege():
    tier = TierFactory(code="silver")
    PrivilegeFactory(tier=tier, key="pay_at_desk", value="false")
    answer = order(member_with_patient(tier=tier), schedule_with_slots(1), pay="desk")

    assert refusal(answer) == (409, "pay_at_desk_not_allowed")
    assert not Appointment.objects.exists()


def test_a_suspended_member_is_turned_away_until_a_day(alice):
    until = clock.now() + timedelta(days=3)
    alice.suspensions.create(starts_at=clock.now(), ends_at=until, reason="No-shows")

    answer = order(alice, schedule_with_slots(1), pay="desk")

    assert refusal(answer) == (403, "member_suspended")
    assert datetime.fromisoformat(answer.json()["until"]) == until


def test_a_hold_that_ran_out_is_gone(alice):
    held = order(alice, schedule_with_slots(1)).json()
    Appointment.objects.update(hold_expires_at=clock.now() - timedelta(seconds=1))

    assert refusal(act(alice, held, "confirm", pay="desk")) == (410, "hold_expired")
    assert refusal(act(alice, held, "extend")) == (410, "hold_expired")


def test_a_hold_is_extended_once(alice):
    held = order(alice, schedule_with_slots(1)).json()

    longer = act(alice, held, "extend")

    assert longer.status_code == 200
    assert longer.json()["hold_expires_at"] > held["hold_expires_at"]
    assert refusal(act(alice, held, "extend")) == (409, "wrong_state")


def test_a_member_cancels_and_the_place_is_free_again(alice, bo):
    schedule = schedule_with_slots(1)
    booked = order(alice, schedule, pay="desk").json()

    cancelled = act(alice, booked, "cancel")

    assert cancelled.status_code == 200
    body = cancelled.json()
    assert (body["state"], body["end_reason"], body["invoice"]) == ("cancelled", "member", None)
    assert refusal(act(alice, booked, "cancel")) == (409, "already_cancelled")
    assert refusal(act(alice, booked, "confirm", pay="desk")) == (409, "wrong_state")
    assert order(bo, schedule, pay="desk").status_code == 201


def test_cancelling_late_is_refused_with_the_deadline(alice):
    booked = order(alice, schedule_with_slots(1), pay="desk").json()
    Appointment.objects.update(cancel_until=clock.now() - timedelta(minutes=1))

    answer = act(alice, booked, "cancel")

    assert refusal(answer) == (409, "too_late_to_cancel")
    assert answer.json()["deadline"]


@pytest.mark.parametrize(
    ("verb", "code"), [("extend", "unknown_field"), ("cancel", "invalid_choice")]
)
def test_a_request_that_says_everything_by_its_address_takes_no_text(alice, verb, code):
    held = order(alice, schedule_with_slots(1)).json()

    assert wrong_fields(act(alice, held, verb, reason="x")) == {"reason": code}
    assert Appointment.objects.get().state == "held"


@pytest.mark.parametrize(
    ("method", "verb", "body"),
    [
        ("get", "", None),
        ("post", "confirm/", {"pay": "desk"}),
        ("post", "extend/", {}),
        ("post", "cancel/", {}),
    ],
)
def test_only_the_owner_reaches_an_appointment(alice, bo, method, verb, body):
    held = order(alice, schedule_with_slots(1)).json()
    strangers = [(caller(bo), held["id"]), (caller(alice), uuid4())]

    for client, uid in strangers:
        answer = getattr(client, method)(f"{LIST}{uid}/{verb}", body)
        assert refusal(answer) == (404, "not_found")

    nobody = getattr(caller(), method)(f"{LIST}{held['id']}/{verb}", body)
    assert refusal(nobody) == (401, "authentication_required")
    staff = UserFactory(username="desk", is_staff=True, is_superuser=True)
    turned_away = getattr(caller(staff), method)(f"{LIST}{held['id']}/{verb}", body)
    assert refusal(turned_away) == (403, "permission_denied")
    assert Appointment.objects.get().state == "held"


def test_members_list_their_own_appointments_the_latest_first(alice, bo):
    first, second = schedule_with_slots(1), schedule_with_slots(1, service_date=_in_days(5))
    ids = [order(alice, s, key=s.uid.hex, pay="desk").json()["id"] for s in (first, second)]
    order(bo, schedule_with_slots(1), pay="desk")

    page = caller(alice).get(LIST).json()

    assert [row["id"] for row in page["results"]] == ids[::-1]
    assert all(row["invoice"]["total"] == "180.00" for row in page["results"])


def test_appointments_are_found_by_state_and_dates(alice):
    booked = order(alice, schedule_with_slots(1), pay="desk").json()
    held = order(alice, schedule_with_slots(1, service_date=_in_days(5)), key="two").json()

    def found(query):
        return [row["id"] for row in caller(alice).get(f"{LIST}?{query}").json()["results"]]

    assert found("state=held") == [held["id"]]
    assert found("state=booked") == [booked["id"]]
    assert found("state=completed") == []
    assert found(f"from={_in_days(4)}") == [held["id"]]
    assert found(f"to={_in_days(4)}") == [booked["id"]]
    assert wrong_fields(caller(alice).get(f"{LIST}?state=lost")) == {"state": "invalid_choice"}


def test_a_list_costs_as_many_queries_for_one_row_as_for_many(alice, django_assert_num_queries):
    client = caller(alice)
    for day in range(2, 6):
        order(alice, schedule_with_slots(1, service_date=_in_days(day)), key=str(day), pay="desk")
        with django_assert_num_queries(4):  # token, member, appointments, invoices
            assert client.get(LIST).status_code == 200


def test_a_booking_costs_a_known_number_of_queries(alice):
    schedule = schedule_with_slots(9)
    client = caller(alice)
    patient = FamilyLink.objects.get(member=alice).patient
    body = {"schedule": str(schedule.uid), "patient": str(patient.uid), "pay": "desk"}
    privileges(None, clock.now())  # known, as in every process that has answered before

    with CaptureQueriesContext(connection) as queries:
        answer = client.post(LIST, body, headers={"Idempotency-Key": "k"})

    assert answer.status_code == 201
    # Savepoints stand for the transaction; a query more needs a reason.
    assert len([q for q in queries.captured_queries if "SAVEPOINT" not in q["sql"]]) == 29


def _in_days(count):
    return clock.local_date(clock.now(), "Asia/Shanghai") + timedelta(days=count)


@pytest.mark.parametrize(
    ("chosen", "no"),
    [
        (lambda other: {"starts_at": "2099-01-01T09:00:00+08:00"}, (409, "slot_taken")),
        (lambda other: {"slot": str(other.slots.first().uid)}, (409, "slot_taken")),
        (lambda other: {"slot": str(other.uid)}, (409, "slot_taken")),
    ],
)
def test_a_time_or_place_that_is_none_of_the_session_books_nothing(alice, chosen, no):
    schedule, other = schedule_with_slots(2), schedule_with_slots(2)

    assert refusal(order(alice, schedule, pay="desk", **chosen(other))) == no
    assert not Appointment.objects.exists()
