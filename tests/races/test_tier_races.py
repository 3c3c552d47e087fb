"""When a tier is reviewed and granted at the same instant, is there one change for each cause?"""

from datetime import timedelta
from functools import partial

import pytest

from medbook import clock
from members.models import Member, Notification, Tier, TierChange
from members.services.tiers import grant_tier, review_member, review_tiers
from tests.appointments.booking import book
from tests.factories import (
    FamilyLinkFactory,
    MemberFactory,
    TierFactory,
    UserFactory,
    schedule_with_slots,
)
from tests.members.test_tiers import points
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice():
    for code in ("member", "silver", "gold", "jade"):
        TierFactory(code=code)
    alice = MemberFactory()
    points(alice, 1000)
    return alice


def test_sixteen_reviews_at_once_promote_once(alice):
    now = clock.now()

    outcomes = together(*[partial(review_member, member_id=alice.pk, now=now)] * 16)

    assert sorted(outcomes) == ["kept"] * 15 + ["promoted"]
    assert TierChange.objects.filter(member=alice).count() == 1
    assert Notification.objects.filter(member=alice).count() == 1


def test_whole_nights_that_run_twice_change_nothing_twice(alice):
    now = clock.now()

    together(*[partial(review_tiers, now=now)] * 4)

    assert TierChange.objects.filter(member=alice).count() == 1


def test_a_grant_and_a_review_at_once_leave_the_higher_tier(alice):
    board, now = UserFactory(is_staff=True), clock.now()
    grant = partial(
        grant_tier,
        member_uid=alice.uid,
        tier=Tier.objects.get(code="jade"),
        until=now + timedelta(days=9),
        reason="board",
        by=board,
        now=now,
    )

    outcomes = together(grant, partial(review_member, member_id=alice.pk, now=now))

    assert counted(outcomes) == {"done": 2}
    assert Member.objects.get(pk=alice.pk).tier.code == "jade"
    review_tiers(now=now + timedelta(days=9))
    assert Member.objects.get(pk=alice.pk).tier.code == "gold"


def test_who_books_while_the_tier_changes_gets_the_place(alice):
    FamilyLinkFactory(member=alice)
    schedule, now = schedule_with_slots(1), clock.now()

    outcomes = together(
        partial(book, alice, schedule, now=now),
        *[partial(review_member, member_id=alice.pk, now=now)] * 4,
    )

    assert counted(outcomes) == {"done": 5}
