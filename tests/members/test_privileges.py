"""Does every check get what the member's tier allows at that moment?"""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from medbook import clock
from members.models import Privilege, Tier
from members.selectors import tiers
from members.selectors.tiers import (
    benefits,
    entry_tier,
    forget_privileges,
    held_since,
    held_until,
    most_allowed,
    planned_privileges,
    privilege,
    privileges,
    privileges_by_tier,
)
from tests.factories import MemberFactory, PrivilegeFactory, TierFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("tier", "allowed"),
    [
        ("member", (Decimal("1"), 0, False, 6)),
        ("silver", (Decimal("0.95"), 0, False, 7)),
        ("gold", (Decimal("0.90"), 15, True, 8)),
        ("jade", (Decimal("0.85"), 30, True, 10)),
    ],
)
def test_tiers_start_with_the_agreed_privileges(tier, allowed):
    alice = MemberFactory(tier=Tier.objects.get(code=tier))
    keys = ("discount_rate", "early_access_minutes", "can_cancel_late", "open_bookings_limit")

    assert tuple(privilege(alice, key, clock.now()) for key in keys) == allowed
    assert privilege(alice, "pay_at_desk", clock.now()) is True


def test_tiers_are_named_in_both_languages():
    named = list(Tier.objects.order_by("rank").values_list("name_en", "name_zh", "points_from"))

    assert named == [
        ("Member", "会员", 0),
        ("Silver", "银卡", 300),
        ("Gold", "金卡", 1000),
        ("Jade", "翡翠", 3000),
    ]


def test_a_value_holds_from_its_instant_on():
    gold, change = TierFactory(code="gold"), clock.now()
    bo = MemberFactory(tier=gold)
    PrivilegeFactory(tier=gold, key="discount_rate", value="0.70", valid_from=change)
    PrivilegeFactory(
        tier=gold, key="discount_rate", value="0.50", valid_from=change + timedelta(days=1)
    )

    assert privilege(bo, "discount_rate", change - timedelta(microseconds=1)) == Decimal("0.90")
    assert privilege(bo, "discount_rate", change) == Decimal("0.70")
    assert privilege(bo, "discount_rate", change + timedelta(days=1)) == Decimal("0.50")


def test_what_a_tier_says_nothing_of_has_the_default():
    Privilege.objects.all().delete()
    forget_privileges()

    assert privilege(MemberFactory(), "open_bookings_limit", clock.now()) == 6
    assert privilege(None, "free_reschedules", clock.now()) == 2


def test_a_stranger_has_what_the_entry_tier_allows():
    PrivilegeFactory(tier=entry_tier(), key="early_access_minutes", value="5")
    PrivilegeFactory(tier=TierFactory(code="jade"), key="early_access_minutes", value="90")

    assert privilege(None, "early_access_minutes", clock.now()) == 5


def test_an_unknown_privilege_is_a_bug():
    with pytest.raises(KeyError):
        privilege(None, "free_coffee", clock.now())


def test_asking_takes_no_query_once_the_table_is_known(django_assert_num_queries):
    alice = MemberFactory(tier=TierFactory(code="jade"))

    with django_assert_num_queries(2):
        assert privilege(alice, "open_bookings_limit", clock.now()) == 10
    with django_assert_num_queries(0):
        privilege(None, "discount_rate", clock.now())
        most_allowed("early_access_minutes", clock.now())
        benefits(clock.now())
        by_tier = privileges_by_tier(clock.now())

    assert by_tier[alice.tier_id] == privileges(alice, clock.now())


def test_a_change_elsewhere_is_seen_a_second_later(monkeypatch):
    monkeypatch.undo()
    assert tiers.FRESH_SECONDS == 1
    monkeypatch.setattr(tiers, "FRESH_SECONDS", 3600.0)
    alice = MemberFactory(tier=TierFactory(code="gold"))
    assert privilege(alice, "discount_rate", clock.now()) == Decimal("0.90")

    Privilege.objects.filter(tier=alice.tier, key="discount_rate").update(value="0.5")
    at_once = privilege(alice, "discount_rate", clock.now())
    tiers._memory.read_at -= tiers.FRESH_SECONDS
    later = privilege(alice, "discount_rate", clock.now())

    assert (at_once, later) == (Decimal("0.90"), Decimal("0.5"))


def test_what_was_read_before_a_change_is_not_kept_after_it(monkeypatch):
    alice = MemberFactory(tier=TierFactory(code="gold"))
    read = tiers._read_table

    def read_while_somebody_changes():
        table = read()
        Privilege.objects.filter(tier=alice.tier, key="discount_rate").update(value="0.5")
        forget_privileges()
        return table

    monkeypatch.setattr(tiers, "_read_table", read_while_somebody_changes)
    privilege(alice, "discount_rate", clock.now())
    monkeypatch.setattr(tiers, "_read_table", read)

    assert privilege(alice, "discount_rate", clock.now()) == Decimal("0.5")


def test_a_key_that_no_code_knows_any_more_hurts_nobody():
    Privilege.objects.create(tier=entry_tier(), key="free_coffee", value="often")
    forget_privileges()

    assert privilege(None, "open_bookings_limit", clock.now()) == 6


def test_tells_since_when_and_until_when_a_value_holds():
    gold, now = TierFactory(code="gold"), clock.now()
    PrivilegeFactory(tier=gold, value="0.8", valid_from=now - timedelta(days=2))
    PrivilegeFactory(tier=gold, value="0.7", valid_from=now + timedelta(days=2))

    assert held_since(gold, "discount_rate", now) == now - timedelta(days=2)
    assert held_until(gold, "discount_rate", now) == now + timedelta(days=2)
    assert held_since(gold, "draw_tickets", now) is None
    assert [row.value for row in planned_privileges(now)] == ["0.7"]


def test_the_table_of_benefits_shows_what_staff_has_set():
    rows = {str(label): [str(cell) for cell in cells] for label, cells in benefits(clock.now())}

    assert rows["Open appointments at once"] == ["6", "7", "8", "10"]
    assert rows["May cancel late"] == ["No", "No", "Yes", "Yes"]
    assert "Tickets in a draw" not in rows


def test_a_value_of_the_wrong_kind_is_refused_in_forms():
    row = PrivilegeFactory.build(tier=TierFactory(code="gold"), key="discount_rate", value="2")

    with pytest.raises(ValidationError) as refused:
        row.full_clean()

    assert "value" in refused.value.message_dict
