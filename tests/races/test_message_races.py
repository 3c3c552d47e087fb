"""When several workers look at once, does each message leave once?"""

from functools import partial

import pytest

from medbook import clock
from members.choices import DeliveryState
from members.models import Delivery
from members.services import deliveries
from members.services.deliveries import resend_message, send_due_messages
from tests.factories import member_with_patient
from tests.members.people import staff
from tests.members.test_send_messages import failed, waiting
from tests.racing import counted, meeting, together

pytestmark = pytest.mark.django_db(transaction=True)


def test_eight_workers_send_each_message_once(monkeypatch):
    got = []

    class Slow:
        def send(self, *, recipient, text, key):
            got.append(key)

    monkeypatch.setattr(deliveries, "sms_gateway", Slow)
    uids = [str(waiting().uid) for _number in range(20)]

    outcomes = together(*[partial(send_due_messages, now=clock.now())] * 8)

    assert sum(outcomes) == 20
    assert sorted(got) == sorted(uids)
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.SENT}


def test_without_the_claim_a_message_would_leave_more_than_once(monkeypatch):
    got = []

    class Slow:
        def send(self, *, recipient, text, key):
            got.append(key)

    monkeypatch.setattr(deliveries, "sms_gateway", Slow)
    claim = meeting(lambda uid, now: Delivery.objects.get(uid=uid))
    monkeypatch.setattr(deliveries, "_claim", claim)
    for _number in range(3):
        waiting()

    together(*[partial(send_due_messages, now=clock.now())] * 2)

    assert len(got) == 6


def test_two_at_the_desk_send_a_message_again_once():
    first = failed(member_with_patient())
    act = partial(
        resend_message,
        delivery_uid=first.uid,
        reason="Asked for by phone",
        by=staff("desk"),
        now=clock.now(),
    )

    outcomes = together(*[act] * 8)

    assert counted(outcomes) == {"done": 1, "resent_just_now": 7}
