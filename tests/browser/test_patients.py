"""Are the pages of the family list accessible, narrow enough, and within the content policy?"""

from datetime import timedelta

import pytest

from medbook import clock
from members.choices import Relation
from members.models import Suspension
from tests.browser.test_pages import looked_at
from tests.factories import FamilyLinkFactory, PatientFactory, member_with_patient

NAME = "Muhammad Abdulrahman Al-Farsi-Whitfield"


@pytest.fixture
def alice():
    member = member_with_patient()
    own = member.links.get().patient
    FamilyLinkFactory(member=member, relation=Relation.PARENT, label=NAME)
    FamilyLinkFactory(member=member, relation=Relation.CHILD, label="Mei", consent="withdrawn")
    FamilyLinkFactory(
        member=member,
        relation=Relation.OTHER,
        label="Baby Chen",
        patient=PatientFactory(identity_kind="", identity_number=None, state="unverified"),
    )
    FamilyLinkFactory(member=member_with_patient(), patient=own, relation=Relation.OTHER)
    Suspension.objects.create(
        patient=own,
        starts_at=clock.now(),
        ends_at=clock.now() + timedelta(days=30),
        reason="missed_visits",
    )
    return member


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_of_the_family(visitor, alice, language):
    page = visitor(alice)
    links = alice.links.order_by("id")
    wrong = {}

    for address in ("", "add/", f"{links[0].patient.uid}/", f"{links[3].patient.uid}/"):
        page.complaints.clear()
        page.goto(f"/{language}/patients/{address}")
        if found := looked_at(page):
            wrong[address] = found

    assert wrong == {}


def test_an_empty_form_says_what_is_missing(visitor, alice):
    page = visitor(alice)
    page.goto("/en/patients/add/")

    page.locator("main form").evaluate("form => { form.noValidate = true }")
    page.locator("main form button").click()

    page.locator(".error-summary").wait_for()
    assert page.locator(".error-summary").evaluate("box => box === document.activeElement")
    assert looked_at(page) == []
