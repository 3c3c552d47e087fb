"""What does every page know without its view saying so?"""

import pytest

from tests.factories import ClinicFactory, TierFactory, member_with_patient

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic():
    ClinicFactory(code="closed", name_en="Closed Clinic", is_active=False)
    return ClinicFactory(phone="021-5555 0100")


@pytest.mark.parametrize("path", ["sign-in/", "membership/"])
def test_the_clinic_and_its_phone_stand_below_each_page(client, clinic, path):
    TierFactory()

    page = client.get(f"/en/{path}")

    assert "East Clinic" in page.text
    assert 'href="tel:021-55550100"' in page.text
    assert "Closed Clinic" not in page.text


def test_a_member_is_known_on_pages_that_do_not_ask(client, clinic):
    client.force_login(member_with_patient(tier=TierFactory(code="gold")).user)

    assert 'data-tier="gold"' in client.post("/en/book/").text


def test_no_question_is_asked_for_pages_that_show_nothing_of_it(
    client, clinic, django_assert_num_queries
):
    with django_assert_num_queries(0):
        client.get("/en/nothing-here/")
