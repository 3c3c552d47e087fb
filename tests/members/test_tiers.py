"""Do members come into their tiers by points and grants, told and written down?"""

from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone, translation

from medbook import clock
from medbook.audit.models import OperationLog
from members import tasks
from members.choices import PointReason, TierChangeKind
from members.errors import GrantPeriodWrong, GrantTooLow
from members.models import Member, Notification, PointEntry, Tier, TierChange
from members.rules.tiers import LONGEST_GRANT, NOTICE, YEAR
from members.selectors.tiers import points_by_member, points_of_year, tier_history
from members.selectors.wording import message_kinds, said_facts, worded
from members.services import tiers
from members.services.tiers import grant_tier, review_member, review_tiers
from tests.factories import MemberFactory
from tests.members.people import joined, staff

pytestmark = pytest.mark.django_db


def tier(code):
    return Tier.objects.get(code=code)


def points(member, amount, *, at=None, reason=PointReason.EARNED):
    """Write one line of a member's ledger."""
    seq = member.points.count() + 1
    last = member.points.order_by("seq").last()
    return PointEntry.objects.create(
        member=member,
        seq=seq,
        at=at or clock.now() - timedelta(hours=1),
        amount=amount,
        balance_after=(last.balance_after if last else 0) + amount,
        reason=reason,
        reference=f"test:{member.pk}:{seq}",
    )


def grant(member, code, *, by, days=90, now=None):
    now = now or clock.now()
    return grant_tier(
        member_uid=member.uid,
        tier=tier(code),
        until=now + timedelta(days=days),
        reason="by the board",
        by=by,
        now=now,
    )


@pytest.fixture
def board():
    return staff("administrator")


def test_the_history_begins_with_joining():
    alice = joined()

    [change] = tier_history(alice)

    assert (change.kind, change.from_tier, change.to_tier) == ("joined", None, tier("member"))


def test_what_counts_is_earned_less_taken_back_within_a_year():
    alice, now = MemberFactory(), clock.now()
    points(alice, 5000, at=now - YEAR)
    points(alice, 40, at=now - YEAR + timedelta(seconds=1))
    points(alice, 300, at=now)
    points(alice, 900, at=now + timedelta(seconds=1))
    points(alice, 700, reason=PointReason.ADJUSTED)
    points(alice, 70, reason=PointReason.GIVEN_BACK)
    points(alice, -100, reason=PointReason.SPENT)
    points(alice, -25, reason=PointReason.TAKEN_BACK)

    assert points_of_year(alice, now) == 315


def test_taken_back_more_than_earned_counts_as_none():
    alice = MemberFactory()
    points(alice, -25, reason=PointReason.TAKEN_BACK)

    assert points_of_year(alice, clock.now()) == 0
    assert points_by_member(None, clock.now()) == {alice.pk: 0}


def test_the_review_promotes_and_says_so_everywhere():
    alice, bo, now = joined(), joined(), clock.now()
    points(alice, 1000)
    points(bo, 299)

    outcomes = review_tiers(now=now)

    alice.refresh_from_db()
    bo.refresh_from_db()
    change = tier_history(alice)[0]
    assert outcomes == {"promoted": 1}
    assert (alice.tier.code, alice.tier_until, bo.tier.code) == ("gold", now + YEAR, "member")
    assert (change.kind, change.from_tier.code, change.points) == ("promoted", "member", 1000)
    assert Notification.objects.get(member=alice).kind == "tier_promoted"
    entry = OperationLog.objects.get(action="member.tier_changed")
    assert entry.facts == {"from": "member", "to": "gold", "kind": "promoted"}
    assert entry.subject_uid == alice.uid


def test_a_second_review_does_nothing(django_assert_num_queries):
    alice, now = joined(), clock.now()
    points(alice, 1000)
    review_tiers(now=now)

    with django_assert_num_queries(5):  # count, tiers, two batches of members, points
        outcomes = review_tiers(now=now)

    assert outcomes == {}
    assert TierChange.objects.filter(member=alice).count() == 2


def test_demotes_after_a_notice_even_when_nights_were_missed():
    alice, now = MemberFactory(tier=tier("gold")), clock.now()
    Member.objects.update(tier_until=now - timedelta(days=3))
    points(alice, 350)

    told = review_tiers(now=now)
    kept = review_tiers(now=now + NOTICE - timedelta(seconds=1))
    fallen = review_tiers(now=now + NOTICE)

    alice.refresh_from_db()
    assert (told, kept, fallen) == ({"notice": 1}, {}, {"demoted": 1})
    assert (alice.tier.code, alice.demotion_at) == ("silver", None)
    assert [n.kind for n in Notification.objects.order_by("id")] == [
        "tier_demotion_notice",
        "tier_demoted",
    ]
    assert OperationLog.objects.filter(action="member.demotion_announced").count() == 1


@pytest.mark.parametrize(("language", "title"), [("en", "Welcome to Gold"), ("zh-hans", "金卡")])
def test_messages_name_tiers_in_the_language_in_which_they_are_read(language, title):
    alice = joined()
    points(alice, 1000)

    review_tiers(now=clock.now())

    packed = Notification.objects.get(member=alice).facts.reveal()
    kind = message_kinds()["tier_promoted"]
    with translation.override(language):
        assert title in worded(kind, said_facts(packed)).title


def test_a_grant_is_said_to_end_on_its_last_day(board):
    alice = joined()
    midnight = timezone.make_aware(datetime(2027, 1, 1))  # noqa: DTZ001

    grant_tier(
        member_uid=alice.uid,
        tier=tier("gold"),
        until=midnight,
        reason="board",
        by=board,
        now=midnight - timedelta(days=9),
    )

    packed = Notification.objects.get(member=alice).facts.reveal()
    assert said_facts(packed)["until"] == "31 Dec 2026"


def test_a_grant_keeps_the_tier_and_then_gives_back_what_was_earned(board):
    alice, now = joined(), clock.now()
    points(alice, 300)
    review_tiers(now=now)

    grant(alice, "jade", by=board, days=90, now=now)
    during = review_tiers(now=now + timedelta(days=89))
    ended = review_tiers(now=now + timedelta(days=90))

    alice.refresh_from_db()
    assert (during, ended) == ({}, {"grant_ended": 1})
    assert (alice.tier.code, alice.tier_until, alice.granted_until) == ("silver", now + YEAR, None)
    assert [(c.kind, c.to_tier.code) for c in tier_history(alice)] == [
        ("grant_ended", "silver"),
        ("granted", "jade"),
        ("promoted", "silver"),
        ("joined", "member"),
    ]


def test_a_grant_is_told_and_written_down(board):
    alice, now = joined(), clock.now()

    grant(alice, "gold", by=board, now=now)

    change = tier_history(alice)[0]
    assert (change.kind, change.by, change.reason) == (
        TierChangeKind.GRANTED,
        board,
        "by the board",
    )
    assert change.until == now + timedelta(days=90)
    assert Notification.objects.get(member=alice).kind == "tier_granted"
    entry = OperationLog.objects.latest("id")
    assert (entry.action, entry.reason) == ("member.tier_changed", "by the board")


def test_a_grant_upon_a_grant_forgets_nothing_of_what_was_earned(board):
    alice, now = joined(), clock.now()
    points(alice, 300)
    review_tiers(now=now)
    grant(alice, "gold", by=board, days=10, now=now)
    grant(alice, "jade", by=board, days=20, now=now + timedelta(days=1))

    review_tiers(now=now + timedelta(days=21))

    alice.refresh_from_db()
    assert alice.tier.code == "silver"


def test_a_grant_takes_a_notice_back(board):
    alice, now = MemberFactory(tier=tier("gold"), tier_until=clock.now()), clock.now()
    review_tiers(now=now)

    grant(alice, "jade", by=board, now=now)

    alice.refresh_from_db()
    assert (alice.tier.code, alice.demotion_at) == ("jade", None)


def test_a_grant_of_what_a_member_has_is_refused(board):
    alice = MemberFactory(tier=tier("silver"))
    points(alice, 1000)

    for code in ("member", "silver", "gold"):  # gold is deserved, the next review gives it
        with pytest.raises(GrantTooLow):
            grant(alice, code, by=board)

    assert not TierChange.objects.exists()


def test_a_grant_has_an_end_within_two_years(board):
    alice, now = MemberFactory(), clock.now()
    for until in (now, now + LONGEST_GRANT + timedelta(seconds=1)):
        with pytest.raises(GrantPeriodWrong):
            grant_tier(
                member_uid=alice.uid, tier=tier("gold"), until=until, reason="x", by=board, now=now
            )

    last = now + LONGEST_GRANT
    grant_tier(member_uid=alice.uid, tier=tier("gold"), until=last, reason="x", by=board, now=now)


def test_whoever_was_erased_is_left_alone():
    alice = MemberFactory(erased_at=clock.now())
    points(alice, 5000)

    assert review_tiers(now=clock.now()) == {}


def test_batches_leave_nobody_out(monkeypatch):
    monkeypatch.setattr(tiers, "BATCH", 2)
    for member in (MemberFactory() for _ in range(5)):
        points(member, 300)
    heard = []

    outcomes = review_tiers(now=clock.now(), progress=lambda *said: heard.append(said))

    assert outcomes == {"promoted": 5}
    assert heard == [(2, 5), (4, 5), (5, 5)]


def test_one_failure_stops_nobody_else(monkeypatch):
    alice, bo = MemberFactory(), MemberFactory()
    points(alice, 300)
    points(bo, 300)

    def review(*, member_id, now):
        if member_id == alice.pk:
            raise RuntimeError
        return review_member(member_id=member_id, now=now)

    monkeypatch.setattr(tiers, "review_member", review)

    assert review_tiers(now=clock.now()) == {"failed": 1, "promoted": 1}


def test_the_command_shows_a_bar_and_what_was_done(capsys):
    points(MemberFactory(), 300)

    call_command("review_tiers")

    said = capsys.readouterr()
    assert "1 of 1" in said.err
    assert "Reviewed: 1 promoted." in said.out
    call_command("review_tiers")
    assert "nothing to change" in capsys.readouterr().out


def test_the_command_fails_when_somebody_could_not_be_reviewed(monkeypatch):
    points(MemberFactory(), 300)
    monkeypatch.setattr(tiers, "review_member", None)

    with pytest.raises(CommandError):
        call_command("review_tiers")


def test_the_night_reviews():
    alice = MemberFactory()
    points(alice, 300)

    tasks.review_tiers()

    alice.refresh_from_db()
    assert alice.tier.code == "silver"
