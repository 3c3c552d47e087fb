"""Do points come, go, come back and expire as the ledger's rules say?"""

import json
import random
from datetime import timedelta

import pytest
from django.db import Error, IntegrityError, connection, transaction
from django.utils import timezone

from medbook import clock
from medbook.approvals.models import Approval
from medbook.approvals.services import approve_request
from medbook.audit.models import OperationLog
from members.errors import NotEnoughPoints, ReasonMissing
from members.models import Notification, PointEntry
from members.rules import points as rules
from members.selectors.points import (
    balance,
    ledger_of,
    members_with_expired_points,
    spendable,
)
from members.services.points import (
    adjust_points,
    announce_expiring_points,
    earn_points,
    expire_points,
    give_back_points,
    spend_points,
    take_back_points,
)
from tests.factories import MemberFactory, UserFactory

NOW = clock.now()
LIFE = timedelta(days=733)  # longer than any 24 months


def earn(member, points, *, reference="visit", now=NOW):
    with transaction.atomic():
        return earn_points(member=member, points=points, reference=reference, now=now)


def spend(member, points, *, reference="booking", now=NOW):
    with transaction.atomic():
        return spend_points(
            member=member, points=points, reference=reference, by=member.user, now=now
        )


def give_back(member, *, reference="booking", now=NOW):
    with transaction.atomic():
        return give_back_points(member=member, reference=reference, now=now)


def take_back(member, points, *, reference="refund", now=NOW):
    with transaction.atomic():
        return take_back_points(member=member, points=points, reference=reference, now=now)


def adjust(member, points, *, key="key", by=None, now=NOW, reason="A visit was not recorded"):
    return adjust_points(
        member_uid=member.uid,
        points=points,
        reason=reason,
        key=key,
        by=by or UserFactory(is_staff=True),
        now=now,
    )


def amounts(member):
    return list(member.points.order_by("seq").values_list("reason", "amount", "balance_after"))


@pytest.mark.django_db
class TestOneByOne:
    def test_earned_points_hold_24_months_and_are_told(self):
        alice = MemberFactory()

        entry = earn(alice, 162)

        assert (entry.seq, entry.amount, entry.balance_after) == (1, 162, 162)
        assert entry.expires_at == rules.expires_at(NOW, "Asia/Shanghai")
        assert Notification.objects.get(member=alice).kind == "points_earned"
        event = OperationLog.objects.get(action="points.earned")
        assert (event.subject_uid, event.facts["points"]) == (alice.uid, 162)

    def test_no_points_leave_no_entry(self):
        alice = MemberFactory()

        assert earn(alice, 0) is None
        assert spend(alice, 0) is None
        assert take_back(alice, 0) is None
        assert give_back(alice) == 0
        assert not PointEntry.objects.exists()

    def test_the_same_cause_adds_nothing_the_second_time(self):
        alice = MemberFactory()
        earn(alice, 100)
        spend(alice, 30)
        give_back(alice)
        take_back(alice, 10)
        adjust(alice, 5)
        before = amounts(alice)

        assert earn(alice, 100) is None
        assert spend(alice, 30) is None
        assert give_back(alice) == 0
        assert take_back(alice, 10) is None
        assert adjust(alice, 5) is None
        assert amounts(alice) == before

    @pytest.mark.parametrize(("points", "is_enough"), [(99, True), (100, True), (101, False)])
    def test_spends_what_there_is(self, points, is_enough):
        alice = MemberFactory()
        earn(alice, 100)

        if is_enough:
            assert spend(alice, points).balance_after == 100 - points
        else:
            with pytest.raises(NotEnoughPoints) as refusal:
                spend(alice, points)
            assert refusal.value.facts == {"balance": 100}

    def test_never_spends_what_has_expired_even_if_no_night_has_come(self):
        alice = MemberFactory()
        earn(alice, 100)

        with pytest.raises(NotEnoughPoints):
            spend(alice, 1, now=NOW + LIFE)

        assert balance(alice) == 100  # the refused spending has left no trace
        assert spendable(alice, NOW + LIFE) == 0

    def test_writes_off_what_has_expired_before_it_spends(self):
        alice = MemberFactory()
        earn(alice, 100, reference="old")
        earn(alice, 50, reference="new", now=NOW + LIFE)

        spend(alice, 50, now=NOW + LIFE)

        assert amounts(alice)[1:] == [
            ("expired", -100, 0),
            ("earned", 50, 50),
            ("spent", -50, 0),
        ]

    def test_gives_back_with_the_old_expiry_one_entry_for_each_lot(self):
        alice = MemberFactory()
        later = NOW + timedelta(days=40)
        old, new = earn(alice, 30, reference="1"), earn(alice, 30, reference="2", now=later)
        spend(alice, 40, now=later)

        assert give_back(alice, now=later) == 40

        back = alice.points.filter(reason="given_back").order_by("seq")
        assert list(back.values_list("amount", "expires_at", "reference")) == [
            (30, old.expires_at, "booking:1"),
            (10, new.expires_at, "booking:2"),
        ]
        assert balance(alice) == 60

    def test_what_comes_back_too_late_expires_at_once(self):
        alice = MemberFactory()
        earn(alice, 30)
        spend(alice, 30)

        give_back(alice, now=NOW + LIFE)

        assert amounts(alice)[2:] == [("given_back", 30, 30), ("expired", -30, 0)]

    def test_gives_back_nothing_for_what_was_not_spent(self):
        alice, bo = MemberFactory(), MemberFactory()
        earn(alice, 30)
        spend(alice, 30)

        assert give_back(bo) == 0
        assert not bo.points.exists()

    def test_a_take_back_may_overdraw_and_then_nothing_is_spent(self):
        alice = MemberFactory()
        earn(alice, 30)

        assert take_back(alice, 50).balance_after == -20
        with pytest.raises(NotEnoughPoints) as refusal:
            spend(alice, 1)

        assert refusal.value.facts == {"balance": 0}
        earn(alice, 25, reference="next")
        assert spend(alice, 5).balance_after == 0


@pytest.mark.django_db
class TestAdjusting:
    def test_adds_points_for_a_reason_that_is_kept(self):
        alice, staff = MemberFactory(), UserFactory(is_staff=True)

        assert adjust(alice, 50, by=staff) is None

        entry = alice.points.get()
        assert (entry.amount, entry.note, entry.by) == (50, "A visit was not recorded", staff)
        assert entry.expires_at == rules.expires_at(NOW, "Asia/Shanghai")
        assert Notification.objects.get(member=alice).kind == "points_adjusted"

    def test_asks_why(self):
        with pytest.raises(ReasonMissing):
            adjust(MemberFactory(), 50, reason="  ")

    @pytest.mark.parametrize(("points", "is_enough"), [(-30, True), (-31, False)])
    def test_never_takes_below_zero(self, points, is_enough):
        alice = MemberFactory()
        earn(alice, 30)

        if is_enough:
            adjust(alice, points)
            assert balance(alice) == 0
        else:
            with pytest.raises(NotEnoughPoints):
                adjust(alice, points)

    @pytest.mark.parametrize(("points", "waits"), [(1000, False), (1001, True), (-1001, True)])
    def test_leaves_large_ones_to_a_second_person(self, points, waits):
        alice = MemberFactory()
        earn(alice, 2000)

        asked = adjust(alice, points)

        assert (asked is not None) == waits
        assert balance(alice) == (2000 if waits else 2000 + points)

    def test_adds_up_what_one_person_gives_a_member_within_a_day(self):
        alice, bo, staff = MemberFactory(), MemberFactory(), UserFactory(is_staff=True)

        assert adjust(alice, 900, key="1", by=staff) is None
        assert adjust(alice, 101, key="2", by=staff) is not None
        assert adjust(alice, 100, key="3", by=staff) is None
        assert adjust(bo, 900, key="4", by=staff) is None
        assert adjust(alice, 900, key="5") is None
        assert adjust(alice, 900, key="6", by=staff, now=NOW + timedelta(days=1, seconds=1)) is None

    def test_what_is_approved_is_done_in_the_name_of_who_asked(self):
        alice, asker, second = MemberFactory(), UserFactory(), UserFactory()
        asked = adjust(alice, 5000, by=asker)

        approve_request(approval_uid=asked.uid, by=second, now=NOW)

        entry = alice.points.get()
        assert (entry.amount, entry.by, entry.note) == (5000, asker, asked.reason)
        assert adjust(alice, 100, key="next", by=asker) is None  # approved ones do not count

    def test_asking_twice_with_one_key_asks_once(self):
        alice, asker = MemberFactory(), UserFactory()

        assert adjust(alice, 5000, by=asker) == adjust(alice, 5000, by=asker)
        assert Approval.objects.count() == 1

    def test_an_approval_of_what_is_no_longer_there_changes_nothing(self):
        alice = MemberFactory()
        earn(alice, 2000)
        asked = adjust(alice, -1500)
        spend(alice, 600)

        with pytest.raises(NotEnoughPoints):
            approve_request(approval_uid=asked.uid, by=UserFactory(), now=NOW)

        asked.refresh_from_db()
        assert (asked.state, balance(alice)) == ("waiting", 1400)


@pytest.mark.django_db
class TestExpiring:
    def test_writes_off_each_lot_once(self):
        alice, bo = MemberFactory(), MemberFactory()
        old = earn(alice, 100, reference="a")
        spend(alice, 40)
        earn(bo, 10, reference="b", now=NOW + LIFE)

        assert expire_points(now=NOW + LIFE) == 60
        assert expire_points(now=NOW + LIFE) == 0

        last = alice.points.order_by("seq").last()
        assert (last.reason, last.amount, last.reference) == ("expired", -60, str(old.uid))
        assert balance(bo) == 10

    @pytest.mark.parametrize(("seconds", "points"), [(-1, 0), (0, 100)])
    def test_at_the_midnight_that_ends_them(self, seconds, points):
        entry = earn(MemberFactory(), 100)

        assert expire_points(now=entry.expires_at + timedelta(seconds=seconds)) == points

    def test_looks_only_at_members_of_whom_something_may_have_expired(self):
        has_all, has_none, wrote_later = (MemberFactory() for _ in range(3))
        earn(has_all, 100, reference="1")
        earn(has_none, 100, reference="2")
        spend(has_none, 100, reference="3")
        earn(wrote_later, 100, reference="4")
        earn(wrote_later, 100, reference="5", now=NOW + LIFE)

        assert members_with_expired_points(NOW + LIFE) == [has_all.pk]
        assert members_with_expired_points(NOW) == []


@pytest.mark.django_db
class TestAnnouncing:
    @pytest.mark.parametrize(("days_ahead", "is_told"), [(31, False), (30, True), (1, True)])
    def test_tells_30_days_ahead_which_points_expire(self, days_ahead, is_told):
        alice = MemberFactory()
        entry = earn(alice, 100)
        spend(alice, 40)

        announce_expiring_points(now=entry.expires_at - timedelta(days=days_ahead))

        told = Notification.objects.filter(member=alice, kind="points_expiring")
        assert told.exists() == is_told
        if is_told:
            facts = json.loads(told.get().facts.reveal())
            last_day = timezone.localtime(entry.expires_at - timedelta(hours=1))
            assert facts["points"] == 60
            assert facts["day"]["in"]["en"] == f"{last_day:%-d %b %Y}"

    def test_once_for_each_day_and_not_for_what_is_used(self):
        alice, bo = MemberFactory(), MemberFactory()
        entry = earn(alice, 100, reference="a")
        earn(bo, 100, reference="b")
        spend(bo, 100)
        now = entry.expires_at - timedelta(days=3)

        assert announce_expiring_points(now=now) == 1
        announce_expiring_points(now=now + timedelta(days=1))

        assert Notification.objects.filter(kind="points_expiring").count() == 1


@pytest.mark.django_db
class TestGuards:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE members_pointentry SET amount = 999",
            "DELETE FROM members_pointentry",
        ],
    )
    def test_no_entry_is_changed_or_deleted(self, statement):
        alice = MemberFactory()
        earn(alice, 100)

        with (
            pytest.raises(Error, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

        assert balance(alice) == 100

    def test_the_table_is_not_emptied(self):
        earn(MemberFactory(), 100)

        with transaction.atomic(), connection.cursor() as cursor:
            # Tests empty tables after themselves, so this guard is off in them.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(
                "ALTER TABLE members_pointentry ENABLE ALWAYS TRIGGER points_are_not_truncated"
            )
            with pytest.raises(Error, match="append-only"), transaction.atomic():
                cursor.execute("TRUNCATE members_pointentry CASCADE")
            cursor.execute(
                "ALTER TABLE members_pointentry DISABLE TRIGGER points_are_not_truncated"
            )

        assert PointEntry.objects.count() == 1

    @pytest.mark.parametrize(
        ("wrong", "name"),
        [
            ({"seq": 3}, "points_follow_on"),
            ({"balance_after": 151}, "points_follow_on"),
            ({"seq": 1, "balance_after": 50}, "one_point_entry_per_number"),
            ({"reference": "visit"}, "one_point_entry_per_cause"),
            ({"amount": 0, "balance_after": 100}, "a_point_entry_moves_points"),
            ({"reason": "gift"}, "point_reason_is_known"),
            (
                {"reason": "spent", "amount": -101, "balance_after": -1},
                "only_a_take_back_overdraws_points",
            ),
            (
                {"reason": "spent", "amount": -1, "balance_after": 99, "expires_at": NOW},
                "only_what_is_added_expires",
            ),
        ],
    )
    def test_the_database_refuses_an_entry_that_does_not_follow_on(self, wrong, name):
        alice = MemberFactory()
        earn(alice, 100)
        right = {
            "member": alice,
            "seq": 2,
            "at": NOW,
            "amount": 50,
            "balance_after": 150,
            "reason": "earned",
            "reference": "next",
        }

        with pytest.raises(IntegrityError) as clash, transaction.atomic():
            PointEntry.objects.create(**{**right, **wrong})

        assert clash.value.__cause__.diag.constraint_name == name
        assert PointEntry.objects.create(**right).pk


class Purse:
    """Points one by one, each with its end: another way to count what the ledger counts."""

    def __init__(self):
        self.points, self.debt, self.spent = [], 0, {}

    @property
    def balance(self):
        return len(self.points) - self.debt

    def expire(self, now):
        self.points = [end for end in self.points if end > now]

    def put(self, ends):
        settled = min(self.debt, len(ends))
        self.debt -= settled
        self.points = sorted(self.points + ends[settled:])

    def take(self, count):
        taken, self.points = self.points[:count], self.points[count:]
        self.debt += count - len(taken)
        return taken


class Play:
    """The same random acts on Alice's ledger and on a purse."""

    def __init__(self, seed):
        self.dice, self.purse, self.now = random.Random(seed), Purse(), NOW
        self.alice, self.staff = MemberFactory(), UserFactory(is_staff=True)
        self.bookings = []

    @property
    def ends(self):
        return rules.expires_at(self.now, "Asia/Shanghai")

    def earn(self, points, name):
        earn(self.alice, points, reference=name, now=self.now)
        assert earn(self.alice, points, reference=name, now=self.now) is None
        self.purse.put([self.ends] * points)

    def spend(self, points, name):
        if points > len(self.purse.points):
            with pytest.raises(NotEnoughPoints):
                spend(self.alice, points, reference=name, now=self.now)
            return
        spend(self.alice, points, reference=name, now=self.now)
        assert spend(self.alice, points, reference=name, now=self.now) is None
        self.purse.spent[name] = self.purse.take(points)
        self.bookings.append(name)

    def give_back(self, _points, name):
        name = self.bookings.pop(self.dice.randrange(len(self.bookings))) if self.bookings else name
        points = self.purse.spent.get(name, [])
        assert give_back(self.alice, reference=name, now=self.now) == len(points)
        assert give_back(self.alice, reference=name, now=self.now) == 0
        self.purse.put(points)

    def take_back(self, points, name):
        take_back(self.alice, points, reference=name, now=self.now)
        assert take_back(self.alice, points, reference=name, now=self.now) is None
        self.purse.take(points)

    def adjust(self, points, name):
        wanted = self.dice.choice((points, -min(points, len(self.purse.points))))
        if wanted:
            adjust(self.alice, wanted, key=name, by=self.staff, now=self.now)
            adjust(self.alice, wanted, key=name, by=self.staff, now=self.now)
        if wanted > 0:
            self.purse.put([self.ends] * wanted)
        else:
            self.purse.take(-wanted)

    def expire(self, _points, _name):
        expire_points(now=self.now)
        assert expire_points(now=self.now) == 0


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(5))  # a thousand acts in all
def test_after_random_acts_ledger_and_purse_agree(seed):
    play = Play(seed)
    acts = [play.earn, play.spend, play.spend, play.give_back, play.take_back, play.adjust]

    for number in range(200):
        play.now += timedelta(days=play.dice.choice((0, 1, 5, 30)))
        play.purse.expire(play.now)
        play.dice.choice([*acts, play.earn, play.expire])(play.dice.randint(1, 60), f"n{number}")
        play.purse.expire(play.now)
        ledger = ledger_of(play.alice)
        assert ledger.spendable(play.now) == len(play.purse.points), number
        assert ledger.debt == play.purse.debt, number

    expire_points(now=play.now)
    rows = list(play.alice.points.order_by("seq").values_list("seq", "amount", "balance_after"))
    in_all = 0
    for place, (seq, amount, after) in enumerate(rows, start=1):
        in_all += amount
        assert (seq, after) == (place, in_all)
    assert balance(play.alice) == in_all == play.purse.balance
    assert min(after for _seq, _amount, after in rows) < 0  # overdrawn on the way
    reasons = set(play.alice.points.values_list("reason", flat=True))
    assert reasons == {"earned", "spent", "given_back", "taken_back", "expired", "adjusted"}
