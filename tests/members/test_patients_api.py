"""Does the API let members keep their family list, strictly and without telling who is known?"""

from datetime import date

import pytest

from medbook import clock
from members.choices import Relation
from members.models import FamilyLink, Patient
from members.selectors.people import own_patient
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.appointments.booking import book
from tests.factories import (
    FamilyLinkFactory,
    PatientFactory,
    member_with_patient,
    resident_id,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db

LIST = f"{ROOT}patients/"
BORN = date(1960, 3, 4)
KNOWN = resident_id(7, BORN)
TWIN = next(n for i in range(8, 999) if (n := resident_id(i, BORN))[-2:] == KNOWN[-2:])


@pytest.fixture
def alice():
    return member_with_patient()


def said(**more):
    return {
        "name": "Li Na",
        "relation": "parent",
        "identity_kind": "resident_id",
        "identity_number": TWIN,
        **more,
    }


def test_adds_changes_and_removes_somebody(alice):
    client = caller(alice)

    added = client.post(LIST, said(contact_phone="139 1234 0009"))
    assert added.status_code == 201
    one = f"{LIST}{added.json()['id']}/"
    assert added.json() == client.get(one).json()
    assert added.json() == {
        "id": str(Patient.objects.get(identity_index=TWIN).uid),
        "name": "Li Na",
        "relation": "parent",
        "identity_kind": "resident_id",
        "identity_number": f"11**************{TWIN[-2:]}",
        "has_identity": True,
        "age": clock.site_date(clock.now()).year
        - 1960
        - ((clock.site_date(clock.now()).month, clock.site_date(clock.now()).day) < (3, 4)),
        "contact_phone": "139****0009",
        "state": "unverified",
        "consent": "declared",
        "may_book": True,
        "may_see_records": False,
    }
    assert len(client.get(LIST).json()["results"]) == 2

    changed = client.patch(one, {"name": "Mama", "relation": "other", "contact_phone": ""})
    assert (changed.json()["name"], changed.json()["relation"]) == ("Mama", "other")
    assert changed.json()["contact_phone"] is None

    assert client.delete(one).status_code == 204
    assert refusal(client.get(one)) == (404, "not_found")
    assert len(client.get(LIST).json()["results"]) == 1


def test_somebody_known_is_answered_like_somebody_new():
    PatientFactory(name="Rui Chen", identity_number=KNOWN, birth_date=BORN)
    answers = []
    for number in (KNOWN, TWIN):
        body = caller(member_with_patient()).post(LIST, said(identity_number=number)).json()
        answers.append({name: value for name, value in body.items() if name != "id"})

    assert answers[0] == answers[1]
    assert answers[0]["name"] == "Li Na"


def test_a_newcomer_says_who_they_are():
    link = FamilyLinkFactory(
        patient=PatientFactory(
            name=None, identity_kind="", identity_number=None, birth_date=None, state="unverified"
        )
    )
    client = caller(link.member)
    before = client.get(LIST).json()["results"]
    assert [(row["has_identity"], row["may_book"]) for row in before] == [(False, False)]

    answer = client.post(LIST, said(relation="self"))

    assert answer.status_code == 201
    assert (answer.json()["consent"], answer.json()["may_book"]) == ("given", True)
    assert own_patient(link.member).name.reveal() == "Li Na"


def test_names_a_missing_document(alice):
    link = FamilyLinkFactory(
        member=alice,
        relation=Relation.CHILD,
        label="Mei",
        patient=PatientFactory(identity_kind="", identity_number=None, state="unverified"),
    )
    one = f"{LIST}{link.patient.uid}/"
    paper = {"identity_kind": "passport", "identity_number": "e 12345678"}
    client = caller(alice)

    assert wrong_fields(client.patch(one, paper)) == {"name": "required"}
    assert wrong_fields(client.patch(one, {"name": "Mei", **paper})) == {"birth_date": "required"}
    answer = client.patch(one, {"name": "Mei", "birth_date": "1999-05-06", **paper})

    assert answer.status_code == 200
    assert answer.json()["identity_number"] == "E1*****78"
    assert client.get(f"{LIST}{answer.json()['id']}/").json() == answer.json()
    again = client.patch(
        f"{LIST}{answer.json()['id']}/", {"name": "Mei", "birth_date": "1999-05-06", **paper}
    )
    assert refusal(again) == (409, "already_your_patient")


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        ({"identity_number": "1"}, {"identity_number": "identity_invalid"}),
        ({"birth_date": "1961-01-01"}, {"birth_date": "identity_invalid"}),
        ({"birth_date": "2026-02-30"}, {"birth_date": "invalid"}),
        (
            {"identity_kind": "passport", "identity_number": "E12345678"},
            {"birth_date": "required"},
        ),
        (
            {
                "identity_kind": "passport",
                "identity_number": "E12345678",
                "birth_date": "9999-12-31",
            },
            {"birth_date": "identity_invalid"},
        ),
        ({"identity_kind": "library card"}, {"identity_kind": "invalid_choice"}),
        ({"relation": "owner"}, {"relation": "invalid_choice"}),
        (
            {"identity_number": resident_id(1, date(2020, 1, 1)), "relation": "child"},
            {"is_guardian": "required"},
        ),
        ({"name": ""}, {"name": "blank"}),
        ({"name": "x" * 10_000}, {"name": "max_length"}),
        ({"name": "A\x00B"}, {"name": "null_characters_not_allowed"}),
        ({"name": 7}, {"name": "wrong_type"}),
        ({"identity_number": 11010519491231002}, {"identity_number": "wrong_type"}),
        ({"contact_phone": "1"}, {"contact_phone": "invalid"}),
        ({"is_guardian": "yes"}, {"is_guardian": "wrong_type"}),
        ({"consent": "given"}, {"consent": "unknown_field"}),
        ({"state": "verified"}, {"state": "unknown_field"}),
        ({"may_see_records": True}, {"may_see_records": "unknown_field"}),
        ({"member": 1}, {"member": "unknown_field"}),
    ],
)
def test_names_the_field_that_is_wrong(alice, answers, wrong):
    assert wrong_fields(caller(alice).post(LIST, said(**answers))) == wrong
    assert alice.links.count() == 1


@pytest.mark.parametrize("field", ["state", "consent", "may_see_records", "id", "has_identity"])
def test_nobody_gives_themselves_a_consent(alice, field):
    link = FamilyLinkFactory(member=alice, relation=Relation.CHILD)
    one = f"{LIST}{link.patient.uid}/"

    assert wrong_fields(caller(alice).patch(one, {field: "given"})) == {field: "unknown_field"}


def test_a_document_comes_alone(alice):
    link = FamilyLinkFactory(member=alice, relation=Relation.CHILD)
    body = said(relation="other")

    answer = caller(alice).patch(f"{LIST}{link.patient.uid}/", body)

    assert wrong_fields(answer) == {"relation": "invalid"}


def test_refuses_what_the_rules_refuse(alice):
    client = caller(alice)
    own = f"{LIST}{own_patient(alice).uid}/"
    added = client.post(LIST, said()).json()
    one = f"{LIST}{added['id']}/"

    assert refusal(client.post(LIST, said())) == (409, "already_your_patient")
    assert refusal(client.post(LIST, said(relation="self"))) == (409, "already_your_patient")
    assert refusal(client.delete(own)) == (409, "own_patient")
    assert refusal(client.patch(own, {"relation": "child"})) == (409, "own_patient")
    assert refusal(client.patch(one, {"relation": "self"})) == (409, "own_patient")
    book(alice, schedule_with_slots(2), patient=Patient.objects.get(uid=added["id"]))
    assert refusal(client.delete(one)) == (409, "patient_in_use")


def test_there_are_six_places_and_a_cool_down(alice):
    client = caller(alice)
    links = [FamilyLinkFactory(member=alice, relation=Relation.OTHER) for _ in range(5)]

    full = client.post(LIST, said())
    assert refusal(full) == (409, "too_many_patients")
    assert full.json()["limit"] == 6
    client.delete(f"{LIST}{links[0].patient.uid}/")
    cooling = client.post(LIST, said())
    assert refusal(cooling) == (409, "places_cooling_down")
    assert cooling.json()["until"]


def test_strangers_find_nothing(alice):
    foreign = own_patient(member_with_patient())
    client = caller(alice)

    for answer in (
        client.get(f"{LIST}{foreign.uid}/"),
        client.patch(f"{LIST}{foreign.uid}/", {"name": "Mine"}),
        client.delete(f"{LIST}{foreign.uid}/"),
    ):
        assert refusal(answer) == (404, "not_found")
    assert refusal(caller().get(LIST)) == (401, "authentication_required")


def test_without_consent_nothing_is_booked(alice):
    link = FamilyLinkFactory(member=alice, relation=Relation.OTHER, consent="withdrawn")
    body = {
        "patient": str(link.patient.uid),
        "schedule": str(schedule_with_slots(2).uid),
        "pay": "desk",
    }

    answer = caller(alice).post(f"{ROOT}appointments/", body, headers={"Idempotency-Key": "k"})

    assert refusal(answer) == (403, "consent_missing")
    assert not caller(alice).get(f"{LIST}{link.patient.uid}/").json()["may_book"]


def test_who_was_removed_is_not_booked_for(alice):
    link = FamilyLinkFactory(member=alice, relation=Relation.OTHER, removed_at=clock.now())
    body = {"patient": str(link.patient.uid), "schedule": str(schedule_with_slots(2).uid)}

    answer = caller(alice).post(f"{ROOT}appointments/", body, headers={"Idempotency-Key": "k"})

    assert refusal(answer) == (404, "not_your_patient")
    assert FamilyLink.objects.standing().filter(member=alice).count() == 1
