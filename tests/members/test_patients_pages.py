"""Do the pages of the family list let members do what the rules allow, and say why not?"""

import re
from datetime import date, timedelta

import pytest

from medbook import clock
from members.choices import ConsentState, PatientState, Relation
from members.models import FamilyLink, Patient, Suspension
from members.selectors.people import own_patient
from tests.appointments.booking import book
from tests.factories import (
    FamilyLinkFactory,
    PatientFactory,
    member_with_patient,
    resident_id,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db

LIST, ADD = "/en/patients/", "/en/patients/add/"
BORN = date(1960, 3, 4)
KNOWN = resident_id(7, BORN)
TWIN = next(n for i in range(8, 999) if (n := resident_id(i, BORN))[-2:] == KNOWN[-2:])


@pytest.fixture
def alice(client):
    member = member_with_patient()
    client.force_login(member.user)
    return member


@pytest.fixture
def rui():
    return FamilyLinkFactory(
        patient__name="Rui Chen", patient__identity_number=KNOWN, patient__birth_date=BORN
    ).member


def said(**answers):
    return {
        "relation": "parent",
        "name": "Li Na",
        "identity_kind": "resident_id",
        "identity_number": TWIN,
        **answers,
    }


def without_ids(page):
    page = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "(id)", page)
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)


def test_adds_a_parent(client, alice):
    answer = client.post(ADD, said())

    assert (answer.status_code, answer["Location"]) == (302, LIST)
    link = FamilyLink.objects.get(member=alice, relation="parent")
    assert link.called == "Li Na"
    page = client.get(LIST)
    assert "no-store" in page["Cache-Control"]
    for shown in ("Li Na", "Parent", "To be verified", f"11**************{TWIN[-2:]}"):
        assert shown in page.text
    assert TWIN not in page.text


def test_somebody_known_is_answered_word_for_word_like_somebody_new(client, rui):
    schedules, pages = [schedule_with_slots(3), schedule_with_slots(3)], []
    for number, schedule in zip((KNOWN, TWIN), schedules, strict=True):
        member = member_with_patient()
        client.force_login(member.user)
        added = client.post(ADD, said(identity_number=number), follow=True)
        link = FamilyLink.objects.get(member=member, relation="parent")
        entry = client.get(f"{LIST}{link.patient.uid}/")
        visit = book(member, schedule, patient=link.patient)
        shown = client.get(f"/en/appointments/{visit.reference}/")
        patient = re.findall(r"<dt>Patient.*?</dd>", shown.text)
        own = str(own_patient(member).identity_number)
        told = (added.text, entry.text, *patient)
        pages.append([without_ids(each).replace(own, "(own)") for each in told])

    assert pages[0] == pages[1]
    assert "Rui" not in str(pages)
    assert "R." not in pages[0][2]


def test_adds_a_newborn_with_a_birth_certificate(client, alice):
    today = clock.site_date(clock.now())
    baby = said(
        relation="child",
        identity_kind="birth_certificate",
        identity_number="r110 123 456",
        birth_year=today.year,
        birth_month=today.month,
        birth_day=today.day,
        sex="female",
    )

    alone = client.post(ADD, baby)
    assert alone.status_code == 422
    assert "a parent or guardian has to agree" in alone.text
    assert not FamilyLink.objects.filter(relation="child").exists()

    assert client.post(ADD, {**baby, "is_guardian": "on"}).status_code == 302
    patient = FamilyLink.objects.get(member=alice, relation="child").patient
    assert patient.identity_number.reveal() == "R110123456"
    assert (patient.birth_date.reveal(), patient.sex) == (today, "female")
    assert "0 years old" in client.get(LIST).text


@pytest.mark.parametrize(
    ("answers", "field", "words"),
    [
        ({"identity_number": KNOWN[:-1] + "9"}, "identity_number", "cannot have this number"),
        ({"identity_number": ""}, "identity_number", "This field is required"),
        ({"identity_kind": "passport", "identity_number": "E12345678"}, "birth_year", "fill it in"),
        ({"birth_year": "1961", "birth_month": "3", "birth_day": "4"}, "birth_year", "cannot be"),
        ({"birth_year": "1960"}, "birth_year", "cannot be"),
        ({"birth_year": "1960", "birth_month": "2", "birth_day": "30"}, "birth_year", "cannot be"),
        ({"birth_year": "x"}, "birth_year", "whole number"),
        ({"birth_year": "9" * 40}, "birth_year", "less than or equal to 9999"),
        ({"sex": "male" if int(TWIN[16]) % 2 == 0 else "female"}, "sex", "not what the document"),
        ({"name": ""}, "name", "This field is required"),
        ({"name": "x" * 10_000}, "name", "at most 80"),
        ({"name": "A\x00B"}, "name", "Null characters"),
        ({"name": "123"}, "name", "with letters"),
        ({"relation": "owner"}, "relation", "not one of the available"),
        ({"relation": "self"}, "relation", "not one of the available"),
        ({"contact_phone": "1"}, "contact_phone", "not a phone number"),
    ],
)
def test_says_which_answer_cannot_be(client, alice, answers, field, words):
    before = Patient.objects.count()

    answer = client.post(ADD, said(**answers))

    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert words in str(answer.context["form"].errors[field])
    assert "error-summary" in answer.text
    assert Patient.objects.count() == before


def test_refuses_somebody_who_is_there_already(client, alice):
    client.post(ADD, said())

    answer = client.post(ADD, said())

    assert answer.status_code == 409
    assert "in your list already" in answer.text


def test_says_before_that_all_places_are_taken(client, alice):
    for _ in range(5):
        FamilyLinkFactory(member=alice, relation=Relation.OTHER)

    assert "All places are taken" in client.get(LIST).text
    page = client.get(ADD).text
    assert "All places are taken" in page
    assert "up to 6 patients" in page
    assert 'name="identity_number"' not in page


def test_says_when_a_place_falls_free(client, alice):
    for _ in range(5):
        FamilyLinkFactory(member=alice, relation=Relation.OTHER)
    gone = FamilyLink.objects.filter(relation=Relation.OTHER).first()
    client.post(f"{LIST}{gone.patient.uid}/remove/")

    at = clock.text(FamilyLink.objects.get(pk=gone.pk).removed_at + timedelta(days=30))
    assert f"You can add somebody from {at}" in client.get(LIST).text
    assert client.post(ADD, said()).status_code == 409


def test_the_birth_date_is_asked_in_the_order_of_the_language(client, alice):
    orders = {}
    for language in ("en", "zh-hans"):
        page = client.get(f"/{language}/patients/add/").text
        orders[language] = re.findall(r'name="birth_(\w+)"', page)

    assert orders == {"en": ["day", "month", "year"], "zh-hans": ["year", "month", "day"]}


def test_a_newcomer_names_the_own_document(client):
    link = FamilyLinkFactory(
        patient=PatientFactory(
            name=None, identity_kind="", identity_number=None, birth_date=None, state="unverified"
        )
    )
    client.force_login(link.member.user)
    assert "Online booking needs a document." in client.get(LIST).text
    assert 'value="self"' in client.get(ADD).text

    wrong = client.post(f"{LIST}{link.patient.uid}/document/", said(identity_number="1"))
    assert wrong.status_code == 422
    answer = client.post(f"{LIST}{link.patient.uid}/document/", said())

    assert answer.status_code == 302
    assert own_patient(link.member).identity_number.reveal() == TWIN
    assert "Li Na" in client.get(LIST).text


def test_changes_an_entry(client, alice):
    link = FamilyLinkFactory(member=alice, relation=Relation.CHILD, label="Kid")
    page = f"{LIST}{link.patient.uid}/"

    assert client.post(page, {"label": "", "relation": "self"}).status_code == 422
    answer = client.post(
        page, {"label": "Mei", "relation": "spouse", "contact_phone": "13912340009"}
    )

    assert answer.status_code == 302
    link.refresh_from_db()
    assert (link.called, link.relation) == ("Mei", "spouse")
    assert link.contact_phone.reveal() == "+8613912340009"


def test_identity_fields_of_an_entry_do_not_change(client, alice):
    own = own_patient(alice)
    number = own.identity_number.reveal()

    client.post(
        f"{LIST}{own.uid}/",
        {"label": "Alice", "identity_number": TWIN, "state": "verified", "birth_year": "1900"},
    )
    answer = client.post(f"{LIST}{own.uid}/document/", said())

    assert answer.status_code == 409
    assert own_patient(alice).identity_number.reveal() == number


def test_removes_somebody_unless_a_visit_is_open(client, alice):
    link = FamilyLinkFactory(member=alice, relation=Relation.CHILD)
    visit = book(alice, schedule_with_slots(2), patient=link.patient)
    address = f"{LIST}{link.patient.uid}/remove/"

    refused = client.post(address)
    assert refused.status_code == 409
    assert "A visit of this patient is still open" in refused.text

    client.post(f"/en/appointments/{visit.reference}/cancel/")
    assert client.post(address).status_code == 302
    assert client.get(f"{LIST}{link.patient.uid}/").status_code == 404


def test_oneself_has_no_way_to_be_removed(client, alice):
    own = own_patient(alice)

    assert "/remove/" not in client.get(f"{LIST}{own.uid}/").text
    assert client.post(f"{LIST}{own.uid}/remove/").status_code == 409


def test_strangers_find_nothing(client, alice, rui):
    foreign = own_patient(rui)

    for name in ("", "document/", "remove/", "appeal/"):
        assert client.post(f"{LIST}{foreign.uid}/{name}", {}).status_code == 404
    assert client.get(f"{LIST}{foreign.uid}/").status_code == 404


def test_says_who_books_and_stops_them(client, alice):
    other = member_with_patient()
    link = FamilyLinkFactory(
        member=other, patient=own_patient(alice), relation=Relation.OTHER, label="Alice"
    )
    page = client.get(LIST).text
    assert "Who else books for" in page
    assert str(other.phone) in page
    assert other.phone.reveal() not in page
    address = f"{LIST}consents/{link.uid}/"

    client.post(address, {"answer": "give", "may_see_records": "on"})
    link.refresh_from_db()
    assert (link.consent, link.may_see_records) == (ConsentState.GIVEN, True)

    client.post(address, {"answer": "withdraw"})
    link.refresh_from_db()
    assert link.consent == ConsentState.WITHDRAWN
    client.force_login(other.user)
    assert "Consent withdrawn" in client.get(LIST).text
    assert client.post(address, {"answer": "give"}).status_code == 404


def test_an_unanswered_consent_changes_nothing(client, alice):
    link = FamilyLinkFactory(patient=own_patient(alice), relation=Relation.OTHER)

    assert client.post(f"{LIST}consents/{link.uid}/", {"answer": "maybe"}).status_code == 302

    link.refresh_from_db()
    assert link.consent == ConsentState.DECLARED


def test_a_pause_can_be_appealed_once(client, alice):
    own = own_patient(alice)
    pause = Suspension.objects.create(
        patient=own,
        starts_at=clock.now(),
        ends_at=clock.now() + timedelta(days=30),
        reason="Three visits missed",
    )
    address = f"{LIST}{own.uid}/"
    assert "Ask the clinic to look at it" in client.get(address).text

    assert client.post(f"{address}appeal/", {"note": ""}).status_code == 422
    assert client.post(f"{address}appeal/", {"note": "I was in hospital"}).status_code == 302

    pause.refresh_from_db()
    assert pause.appeal.reveal() == "I was in hospital"
    assert "The clinic is looking at it." in client.get(address).text
    assert client.post(f"{address}appeal/", {"note": "again"}).status_code == 409


def test_anothers_pause_is_not_shown_to_who_only_declares(client, alice, rui):
    client.post(ADD, said(identity_number=KNOWN))
    Suspension.objects.create(
        patient=own_patient(rui),
        starts_at=clock.now(),
        ends_at=clock.now() + timedelta(days=30),
        reason="Three visits missed",
    )

    assert "paused" not in client.get(LIST).text
    answer = client.post(f"{LIST}{own_patient(rui).uid}/appeal/", {"note": "please"})
    assert answer.status_code == 409


def test_the_list_says_what_a_verified_patient_is(client, alice):
    assert own_patient(alice).state == PatientState.VERIFIED

    assert "Document seen" in client.get(LIST).text


def test_strangers_sign_in_first(client):
    for address in (LIST, ADD):
        answer = client.get(address)
        assert answer.status_code == 302
        assert "/sign-in/" in answer["Location"]
