"""Does the membership page show the tiers, and oneself among them?"""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from medbook import clock
from members.models import Member, Tier
from members.services.tiers import grant_tier, review_tiers
from tests.members.people import NAME, NUMBER, PHONE, joined, staff
from tests.members.test_tiers import points

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
    bo = joined(identity_number="")
    client.force_login(bo.user)

    assert "still to be verified" in client.get(PAGE).content.decode()


def test_shows_nothing_in_clear(client):
    alice = joined(phone=PHONE, identity_number=NUMBER)
    client.force_login(alice.user)

    page = client.get(PAGE).content.decode()

    for canary in (PHONE[3:], NUMBER, NAME):
        assert canary not in page


def seen(client, member):
    client.force_login(member.user)
    return client.get(PAGE).content.decode()


def test_strangers_see_nobodys_points(client):
    page = client.get(PAGE).content.decode()

    assert "<progress" not in page
    assert "Next review" not in page


def test_tells_the_way_to_the_next_tier(client):
    alice, earned_at = joined(), clock.now() - timedelta(days=65)
    points(alice, 299, at=earned_at)

    page = seen(client, alice)

    day = date_format(timezone.localtime(earned_at + timedelta(days=365)), "j M Y")
    assert f"299 of 300 points to Silver by {day}" in page
    assert 'max="300" value="299"' in page
    assert "1 point more and you are Silver" in page
    assert "If reviewed today you would stay Member." in page


def test_says_who_is_about_to_move_up(client):
    alice = joined()
    points(alice, 1000)

    assert "If reviewed today you would become Gold." in seen(client, alice)


def test_the_highest_tier_has_no_bar(client):
    alice = joined()
    points(alice, 3000)
    review_tiers(now=clock.now())

    page = seen(client, alice)

    assert "You have 3000 points, and the highest tier." in page
    assert "<progress" not in page


def test_announces_a_lower_tier_and_how_to_keep_this_one(client):
    alice = joined()
    Member.objects.update(tier=Tier.objects.get(code="gold"), tier_until=clock.now())
    review_tiers(now=clock.now())

    page = seen(client, alice)

    day = date_format(timezone.localtime(clock.now() + timedelta(days=30)), "j M Y")
    assert f"Your tier Gold ends on {day}." in page
    assert "unless you reach 1000 points before" in page
    assert "If reviewed today you would move to Member." in page


def test_nobody_is_warned_without_a_reason(client):
    page = seen(client, joined())

    assert 'data-kind="warning"' not in page
    assert "Valid until" not in page


def test_says_until_when_the_tier_holds_and_who_gave_it(client):
    alice = joined()
    points(alice, 300)
    review_tiers(now=clock.now())
    assert "Valid until" in seen(client, alice)

    until = clock.now() + timedelta(days=5)
    grant = {"until": until, "reason": "board", "by": staff("administrator"), "now": clock.now()}
    grant_tier(member_uid=alice.uid, tier=Tier.objects.get(code="jade"), **grant)

    page = seen(client, alice)
    day = date_format(timezone.localtime(until), "j M Y")
    assert f"Granted by the clinic until {day}." in page
    for step in ("Joined", "Promoted", "300 points", "Granted by the clinic"):
        assert step in page
    assert "board" not in page  # the reason is the clinic's own


def test_each_tier_stands_by_itself_for_phones(client):
    alice = joined()
    points(alice, 300)
    review_tiers(now=clock.now())

    folds = [part.split("</details>")[0] for part in seen(client, alice).split("<details")[-4:]]

    assert ["· You" in fold for fold in folds] == [False, True, False, False]
    assert [" open" in fold.split(">")[0] for fold in folds] == [False, True, False, False]


def test_is_there_in_chinese(client):
    assert "翡翠" in client.get("/zh-hans/membership/").content.decode()


def test_takes_few_queries(client, django_assert_max_num_queries):
    client.force_login(joined().user)

    with django_assert_max_num_queries(11):
        client.get(PAGE)
