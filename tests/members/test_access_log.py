from datetime import timedelta

import pytest
from django.test import Client

from medbook import clock, request_context
from medbook.audit.choices import Action, Outcome
from medbook.audit.services import record_event
from members.choices import ConsentPurpose, ConsentState, Relation
from members.selectors.looks import looks_at
from members.services.consents import give_consent
from members.services.patients import reveal_identity
from tests.factories import FamilyLinkFactory, PatientFactory, member_with_patient
from tests.members.people import staff


@pytest.fixture
def alice(db):
    return member_with_patient()


@pytest.fixture
def patient(alice):
    return alice.links.get().patient


def reveal(patient, by, reason="At the desk with the card"):
    reveal_identity(patient_uid=patient.uid, reason=reason, by=by, now=clock.now())


def page_of(member, **query):
    client = Client(raise_request_exception=False)
    client.force_login(member.user, "django.contrib.auth.backends.ModelBackend")
    return client.get("/en/account/access-log/", query)


def test_a_member_sees_who_opened_the_record_by_role_and_why(alice, patient):
    desk = staff("desk")
    desk.display_name = "Li Na"
    desk.save()
    reveal(patient, desk)

    page = page_of(alice)

    assert "Identity revealed" in page.text
    assert "Front desk" in page.text
    assert "At the desk with the card" in page.text
    assert "Li Na" not in page.text
    assert desk.username not in page.text


def test_a_member_sees_nothing_about_others(alice):
    bo = member_with_patient()
    reveal(bo.links.get().patient, staff("desk"))

    assert "Nobody has looked at your record." in page_of(alice).text
    assert looks_at(bo).count() == 1


def test_hits_of_a_search_are_looks(alice, patient):
    facts = {"patients": [str(patient.uid)], "count": 1}
    record_event(Action.PEOPLE_SEARCHED, by=staff("desk"), facts=facts)
    record_event(Action.PEOPLE_SEARCHED, by=staff("desk"), facts={"patients": [], "count": 0})

    assert looks_at(alice).count() == 1
    assert "People searched" in page_of(alice).text


def test_ones_own_acts_are_no_looks(alice):
    give_consent(member=alice, purpose=ConsentPurpose.NEWS, by=alice.user, now=clock.now())

    assert not looks_at(alice).exists()


def test_acts_of_other_members_are_not_told(alice, patient):
    context = request_context.RequestContext(actor_role="member")
    with request_context.entered(context):
        record_event(Action.PATIENT_VERIFIED, subject=patient, by=member_with_patient().user)

    assert not looks_at(alice).exists()


def test_what_was_refused_and_what_no_person_did_is_no_look(alice, patient):
    record_event(
        Action.IDENTITY_REVEALED, subject=patient, by=staff("desk"), outcome=Outcome.DENIED
    )
    record_event(Action.PATIENT_VERIFIED, subject=patient)

    assert not looks_at(alice).exists()


@pytest.mark.parametrize(
    ("consent", "seen"),
    [(ConsentState.GIVEN, 1), (ConsentState.DECLARED, 0), (ConsentState.WITHDRAWN, 0)],
)
def test_looks_at_the_family_are_told_to_whom_it_agreed(alice, consent, seen):
    mother = PatientFactory()
    FamilyLinkFactory(member=alice, patient=mother, relation=Relation.PARENT, consent=consent)
    reveal(mother, staff("desk"))

    assert looks_at(alice).count() == seen
    assert ("about a patient of your family" in page_of(alice).text) is bool(seen)


def test_a_removed_link_tells_nothing_more(alice):
    mother = PatientFactory()
    FamilyLinkFactory(
        member=alice,
        patient=mother,
        relation=Relation.PARENT,
        consent=ConsentState.GIVEN,
        removed_at=clock.now() - timedelta(days=1),
    )
    reveal(mother, staff("desk"))

    assert not looks_at(alice).exists()


def test_long_lists_come_in_pages(alice, patient):
    desk = staff("desk")
    for number in range(21):
        reveal(patient, desk, reason=f"At the desk, {number}.")

    assert "At the desk, 20." in page_of(alice).text
    assert "At the desk, 0." not in page_of(alice).text
    assert "At the desk, 0." in page_of(alice, page=2).text
    assert page_of(alice, page="x" * 10_000).status_code == 200


@pytest.mark.parametrize("count", [1, 9])
def test_the_page_asks_as_often_for_many_as_for_one(
    alice, patient, count, django_assert_max_num_queries
):
    for _each in range(count):
        reveal(patient, staff("desk"))
    client = Client()
    client.force_login(alice.user, "django.contrib.auth.backends.ModelBackend")

    with django_assert_max_num_queries(16):
        client.get("/en/account/access-log/")
