import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction

from medbook import clock
from medbook.errors import InProgress
from medbook.idempotency import services as idempotency
from medbook.idempotency.models import IdempotencyKey
from medbook.idempotency.services import IdempotencyKeyReused, forget_old_keys, once
from members.models import Tier
from tests.factories import UserFactory
from tests.racing import at_once

ASKED = {"schedule": "s1", "starts_at": None}


def make_tier(by, key="key", asked=ASKED, endpoint="make_tier"):
    """Do something that leaves a row each time it is done, once per key."""
    with transaction.atomic(), once(by, endpoint, key, asked) as attempt:
        if attempt.earlier_uid:
            return Tier.objects.get(uid=attempt.earlier_uid)
        number = 1000 + Tier.objects.count()
        code = uuid.uuid4().hex[:20]
        tier = Tier.objects.create(
            code=code, name_en=code, name_zh=code, rank=number, points_from=number * 1000
        )
        attempt.remember(tier)
        return tier


@pytest.fixture
def alice(request):
    return UserFactory()


@pytest.mark.django_db
def test_the_same_request_twice_has_one_effect(alice):
    before = Tier.objects.count()

    assert make_tier(alice) == make_tier(alice)

    assert Tier.objects.count() == before + 1


@pytest.mark.django_db
def test_the_order_of_fields_makes_no_other_request(alice):
    again = dict(reversed(ASKED.items()))

    assert make_tier(alice) == make_tier(alice, asked=again)


@pytest.mark.django_db
def test_another_request_under_the_same_key_is_refused(alice):
    make_tier(alice)

    with pytest.raises(IdempotencyKeyReused) as refusal:
        make_tier(alice, asked={**ASKED, "schedule": "s2"})

    assert refusal.value.code == "idempotency_key_reused"


@pytest.mark.django_db
@pytest.mark.parametrize("other", [{"key": "another"}, {"endpoint": "make_other"}])
def test_another_key_or_endpoint_is_another_request(alice, other):
    assert make_tier(alice) != make_tier(alice, **other)


@pytest.mark.django_db
def test_the_same_key_of_somebody_else_is_another_request(alice):
    assert make_tier(alice) != make_tier(UserFactory())


@pytest.mark.django_db
def test_a_refusal_leaves_no_trace_and_may_be_tried_again(alice):
    with pytest.raises(ZeroDivisionError), transaction.atomic(), once(alice, "x", "key", ASKED):
        raise ZeroDivisionError

    assert not IdempotencyKey.objects.exists()
    assert make_tier(alice, endpoint="x")


@pytest.mark.django_db
def test_what_made_nothing_is_not_remembered(alice):
    with transaction.atomic(), once(alice, "x", "key", ASKED):
        pass

    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db
def test_forgets_after_seven_days_and_not_before(alice):
    make_tier(alice)
    made_at = IdempotencyKey.objects.get().created_at

    assert forget_old_keys(now=made_at + timedelta(days=7)) == 0
    assert forget_old_keys(now=made_at + timedelta(days=7, seconds=1)) == 1


@pytest.mark.django_db
def test_holds_no_body_and_no_phone_number(alice):
    make_tier(alice, asked={"phone": "+8613800000003"})

    kept = IdempotencyKey.objects.values().get()
    assert len(bytes(kept["request_hash"])) == 32
    assert "13800000003" not in str(kept)


@pytest.mark.breaks("an_idempotency_key_had_one_effect")
@pytest.mark.django_db(transaction=True)
def test_thirty_two_at_once_have_one_effect():
    alice = UserFactory()
    before = Tier.objects.count()

    outcomes = at_once(lambda _: make_tier(alice), range(32))

    assert set(outcomes) <= {"Tier", "InProgress"}
    assert "Tier" in outcomes
    assert Tier.objects.count() == before + 1


@pytest.mark.django_db(transaction=True)
def test_the_second_is_told_at_once_that_the_first_is_running():
    alice = UserFactory()
    inside, leave = threading.Event(), threading.Event()

    def run_slowly(_):
        with transaction.atomic(), once(alice, "slow", "key", ASKED):
            inside.set()
            leave.wait(5)

    slow = threading.Thread(target=at_once, args=(run_slowly, [None]))
    slow.start()
    inside.wait(5)
    began = clock.now()
    with pytest.raises(InProgress), transaction.atomic(), once(alice, "slow", "key", ASKED):
        pass
    took = clock.now() - began
    leave.set()
    slow.join()

    assert took < timedelta(seconds=1)


def racing_without_claim(monkeypatch):
    """Let two requests get past the advisory lock and read that there is no earlier one."""
    both_are_in = threading.Barrier(2, timeout=5)

    class Meeting(idempotency.Attempt):
        def __init__(self, earlier_uid):
            super().__init__(earlier_uid)
            both_are_in.wait()

    monkeypatch.setattr(idempotency, "_claimed", lambda *about: True)
    monkeypatch.setattr(idempotency, "Attempt", Meeting)


@pytest.mark.breaks("an_idempotency_key_had_one_effect")
@pytest.mark.django_db(transaction=True)
def test_without_the_advisory_lock_the_constraint_lets_one_effect_through(monkeypatch):
    alice = UserFactory()
    before = Tier.objects.count()
    racing_without_claim(monkeypatch)

    outcomes = at_once(lambda n: make_numbered(alice, n), range(2))

    assert sorted(outcomes) == ["IntegrityError", "Tier"]
    assert Tier.objects.count() == before + 1


@pytest.mark.django_db(transaction=True)
def test_without_lock_and_constraint_one_request_has_two_effects(monkeypatch):
    """The harm that the two guards stand against."""
    alice = UserFactory()
    before = Tier.objects.count()
    racing_without_claim(monkeypatch)
    name = "one_effect_per_idempotency_key"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE idempotency_idempotencykey DROP CONSTRAINT {name}")
    try:
        outcomes = at_once(lambda n: make_numbered(alice, n), range(2))
    finally:
        IdempotencyKey.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute(
                f"ALTER TABLE idempotency_idempotencykey ADD CONSTRAINT {name}"
                " UNIQUE (principal_uid, endpoint, key)"
            )

    assert outcomes == ["Tier", "Tier"]
    assert Tier.objects.count() == before + 2


def make_numbered(by, number):
    """Make a tier whose own constraints do not get into the way of another made at once."""
    with transaction.atomic(), once(by, "race", "key", ASKED) as attempt:
        tier = Tier.objects.create(
            code=f"race-{number}",
            name_en="Race",
            name_zh="赛",
            rank=2000 + number,
            points_from=2_000_000 + number,
        )
        attempt.remember(tier)
        return tier
