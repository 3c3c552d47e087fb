"""Does nothing that needs two people happen by one?"""

from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from medbook import clock
from medbook.approvals.choices import Kind
from medbook.approvals.errors import AlreadyDecided, AnotherPersonDecides
from medbook.approvals.models import Approval
from medbook.approvals.selectors import waiting_approvals
from medbook.approvals.services import approve_request, ask_approval, refuse_request
from medbook.audit.models import OperationLog
from medbook.errors import Missing
from tests.factories import MemberFactory, UserFactory
from tests.racing import counted, together

done = []


def carry_out(*, approval, by, now):
    """Stand in for the act that waits."""
    done.append((approval.facts, by))


@pytest.fixture(autouse=True)
def _act(settings):
    done.clear()
    settings.APPROVAL_KINDS = {"points_adjustment": "tests.medbook.test_approvals.carry_out"}


def ask(by, key="key", subject=None):
    with transaction.atomic():
        return ask_approval(
            kind=Kind.POINTS_ADJUSTMENT,
            key=key,
            subject=subject or MemberFactory(),
            facts={"points": 5000},
            reason="A visit was not recorded",
            by=by,
            now=clock.now(),
        )


def decider():
    return UserFactory(is_staff=True, is_superuser=True)


@pytest.mark.django_db
def test_another_person_approves_and_it_is_done():
    asker, second, alice = UserFactory(), UserFactory(), MemberFactory()
    asked = ask(asker, subject=alice)
    assert (asked.state, done) == ("waiting", [])

    approve_request(approval_uid=asked.uid, by=second, now=clock.now())

    asked.refresh_from_db()
    assert (asked.state, asked.decided_by_uid) == ("approved", second.uid)
    assert (asked.subject_type, asked.subject_uid) == ("members.member", alice.uid)
    assert done == [({"points": 5000}, second)]
    events = OperationLog.objects.order_by("id").values_list("action", "actor_uid")
    assert list(events) == [("approval.asked", asker.uid), ("approval.approved", second.uid)]


@pytest.mark.django_db
def test_another_person_refuses_and_nothing_is_done():
    asked, second = ask(UserFactory()), UserFactory()

    refuse_request(approval_uid=asked.uid, reason="No proof", by=second, now=clock.now())

    asked.refresh_from_db()
    assert (asked.state, done) == ("refused", [])
    assert OperationLog.objects.get(action="approval.refused").reason == "No proof"


@pytest.mark.django_db
def test_whoever_asked_does_not_decide():
    asker = decider()
    asked = ask(asker)

    with pytest.raises(AnotherPersonDecides):
        approve_request(approval_uid=asked.uid, by=asker, now=clock.now())
    with pytest.raises(AnotherPersonDecides):
        refuse_request(approval_uid=asked.uid, reason="x", by=asker, now=clock.now())

    asked.refresh_from_db()
    assert (asked.state, done) == ("waiting", [])


@pytest.mark.django_db
def test_what_is_decided_stays_decided():
    asked = ask(UserFactory())
    refuse_request(approval_uid=asked.uid, reason="No proof", by=UserFactory(), now=clock.now())

    with pytest.raises(AlreadyDecided):
        approve_request(approval_uid=asked.uid, by=UserFactory(), now=clock.now())

    assert done == []


@pytest.mark.django_db
def test_there_is_no_deciding_of_nothing():
    with pytest.raises(Missing):
        approve_request(approval_uid=uuid4(), by=UserFactory(), now=clock.now())


@pytest.mark.django_db
def test_the_same_key_asks_once():
    asker = UserFactory()

    assert ask(asker) == ask(asker)
    assert OperationLog.objects.filter(action="approval.asked").count() == 1


@pytest.mark.django_db
def test_the_database_refuses_one_pair_of_eyes():
    asked = ask(UserFactory())
    decided = {"state": "approved", "decided_at": clock.now()}
    rows = Approval.objects.filter(pk=asked.pk)

    with pytest.raises(IntegrityError, match="another_person_decides"), transaction.atomic():
        rows.update(**decided, decided_by_uid=asked.asked_by_uid)
    with pytest.raises(IntegrityError, match="a_decision_says_by_whom"), transaction.atomic():
        rows.update(**decided)

    assert rows.update(**decided, decided_by_uid=uuid4()) == 1


@pytest.mark.django_db
def test_tells_those_who_may_decide_what_others_ask_for():
    asker, second, bystander = decider(), decider(), UserFactory(is_staff=True)
    ask(asker, key="1")
    ask(asker, key="2")

    assert "2 requests wait" in waiting_approvals(by=second, now=clock.now())
    assert waiting_approvals(by=asker, now=clock.now()) is None
    assert waiting_approvals(by=bystander, now=clock.now()) is None


@pytest.mark.django_db
def test_the_home_of_the_workbench_leads_to_what_waits(client):
    second = decider()
    client.force_login(second)
    assert b"waits for a second person" not in client.get("/admin/").content

    ask(UserFactory())

    assert b"1 request waits for a second person" in client.get("/admin/").content


@pytest.mark.django_db(transaction=True)
def test_many_who_decide_at_once_do_it_once():
    asked = ask(UserFactory())
    people = [UserFactory() for _ in range(8)]

    outcomes = together(
        *(
            lambda by=by: approve_request(approval_uid=asked.uid, by=by, now=clock.now())
            for by in people
        )
    )

    assert counted(outcomes) == {"done": 1, "already_decided": 7}
    assert len(done) == 1
