"""Does the membership page show the tiers, and oneself among them?"""

import pytest

from members.models import Tier
from tests.members.people import NAME, NUMBER, PHONE, joined

pytestmark = pytest.mark.django_db

PAGE = "/en/membership/"


def test_strangers_see_what_tiers_allow(client):
    page = client.get(PAGE).content.decode()

    for text in ("Member", "Silver", "Gold", "Jade", "May cancel late", "Clinical urgency"):
        assert text in page


def test_members_see_their_tier_and_number(client):
    alice = joined()
    alice.tier = Tier.objects.get(code="gold")
    alice.save()
    client.force_login(alice.user)

    page = client.get(PAGE).content.decode()

    assert 'data-tier="gold"' in page
    assert alice.number in page
    assert "still to be verified" not in page


def test_says_that_the_desk_has_to_see_the_document(client):
    joined(identity_number=NUMBER)
    bo = joined(identity_number=NUMBER)
    client.force_login(bo.user)

    assert "still to be verified" in client.get(PAGE).content.decode()


def test_shows_nothing_in_clear(client):
    alice = joined(phone=PHONE, identity_number=NUMBER)
    client.force_login(alice.user)

    page = client.get(PAGE).content.decode()

    for canary in (PHONE[3:], NUMBER, NAME):
        assert canary not in page


def test_is_there_in_chinese(client):
    assert "翡翠" in client.get("/zh-hans/membership/").content.decode()


def test_takes_few_queries(client, django_assert_max_num_queries):
    client.force_login(joined().user)

    with django_assert_max_num_queries(9):
        client.get(PAGE)
