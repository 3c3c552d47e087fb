import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from medbook import locks
from medbook.errors import Refused, TryLater, Unavailable
from medbook.locks import LockOrderBroken, Rung, conflict_as, lock, retry_on_conflict
from members.models import Member, Patient, Tier
from tests.factories import MemberFactory, PatientFactory, TierFactory
from tests.racing import at_once


class RankTaken(Refused):
    """Another tier has this rank."""


def members():
    return Member.objects.order_by("id")


@pytest.mark.django_db
def test_locks_go_down_the_order_and_may_stay_on_a_rung():
    lock(members(), Rung.MEMBER)
    lock(Patient.objects.order_by("id"), Rung.PATIENT)
    lock(Patient.objects.order_by("id"), Rung.PATIENT)


@pytest.mark.django_db
def test_a_lock_against_the_order_is_a_bug():
    lock(Patient.objects.order_by("id"), Rung.PATIENT)

    with pytest.raises(LockOrderBroken, match="MEMBER after PATIENT"):
        lock(members(), Rung.MEMBER)


@pytest.mark.django_db
def test_each_use_case_starts_at_the_top():
    @retry_on_conflict
    def use_case():
        lock(Patient.objects.order_by("id"), Rung.PATIENT)

    use_case()

    lock(members(), Rung.MEMBER)


@pytest.mark.django_db
def test_what_never_waits_may_come_at_any_rung():
    lock(Patient.objects.order_by("id"), Rung.PATIENT)

    lock(members(), Rung.MEMBER, skip_locked=True)


@pytest.mark.django_db(transaction=True)
def test_a_lock_outside_a_transaction_guards_nothing_and_is_refused():
    with pytest.raises(transaction.TransactionManagementError):
        lock(members(), Rung.MEMBER)


@pytest.mark.django_db
def test_a_lock_leaves_foreign_keys_to_the_row_alone(django_assert_num_queries):
    MemberFactory()

    with django_assert_num_queries(1) as queries:
        list(lock(members(), Rung.MEMBER))

    assert "FOR NO KEY UPDATE" in queries[0]["sql"]


@pytest.mark.django_db
def test_a_named_constraint_becomes_a_refusal_and_the_transaction_goes_on():
    first = TierFactory()
    constraint = "members_tier_rank_key"

    with pytest.raises(RankTaken), conflict_as({constraint: RankTaken}):
        Tier.objects.create(code="x", name_en="x", name_zh="x", rank=first.rank, points_from=77)

    assert Tier.objects.filter(pk=first.pk).exists()


@pytest.mark.django_db
def test_any_other_constraint_flies():
    first = TierFactory()

    with pytest.raises(IntegrityError), conflict_as({"another": RankTaken}):
        Tier.objects.create(code="x", name_en="x", name_zh="x", rank=first.rank, points_from=77)


def raising(state):
    """Let PostgreSQL raise an error with a SQLSTATE."""
    with connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ("55P03", TryLater),  # lock timeout
        ("40001", Unavailable),
        ("40P01", Unavailable),
        ("57014", Unavailable),  # statement timeout
        ("53300", Unavailable),  # too many connections
        ("57P03", Unavailable),  # starting up
        ("23505", type(None)),
        ("42P01", type(None)),  # no such table: a bug
    ],
)
def test_contention_and_absence_are_told_from_bugs(state, refusal):
    with pytest.raises(Exception, match="x") as error:
        raising(state)

    assert type(locks.as_refusal(error.value)) is refusal


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("failures", "runs"), [(0, 1), (1, 2), (2, 3)])
def test_runs_again_after_a_conflict(failures, runs):
    seen = []

    @retry_on_conflict
    def use_case():
        seen.append(1)
        if len(seen) <= failures:
            raising("40001")
        return "done"

    assert use_case() == "done"
    assert len(seen) == runs


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("state", "runs"), [("40P01", 3), ("55P03", 1), ("23505", 1)])
def test_gives_up_after_three_and_never_repeats_other_errors(state, runs):
    seen = []

    @retry_on_conflict
    def use_case():
        seen.append(1)
        raising(state)

    with pytest.raises(Exception, match="x"):
        use_case()

    assert len(seen) == runs


@pytest.mark.django_db(transaction=True)
def test_without_one_order_two_use_cases_end_in_a_deadlock():
    """The harm that the order stands against: PostgreSQL has to break one of them."""
    alice, patient = MemberFactory(), PatientFactory()
    rows = {
        "down": [Member.objects.filter(pk=alice.pk), Patient.objects.filter(pk=patient.pk)],
        "up": [Patient.objects.filter(pk=patient.pk), Member.objects.filter(pk=alice.pk)],
    }

    def use_case(direction):
        with transaction.atomic():
            first, second = rows[direction]
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = 0")
            list(first.select_for_update())
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.2)")
            list(second.select_for_update())

    outcomes = at_once(use_case, ["down", "up"])

    assert sorted(outcomes) == ["NoneType", OperationalError.__name__]
