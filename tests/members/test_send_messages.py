"""Does a message leave the house once, in time, and again when the gateway was away?"""

from datetime import timedelta

import pytest
from celery import current_app
from django.core import mail
from django.db import connection

from medbook import clock
from medbook.audit.models import OperationLog
from medbook.outbox import services as outbox
from medbook.outbox.services import dispatch_due_messages
from members import gateway
from members.choices import DeliveryState
from members.errors import CodeNotResent, NothingToSend, ReasonMissing, ResentJustNow
from members.gateway import NotSent
from members.models import Delivery
from members.rules.deliveries import MOST_ATTEMPTS
from members.selectors.messages import failed_messages
from members.services import deliveries
from members.services.deliveries import Round, resend_message, send_due_messages, send_message
from members.tasks import send_one_message
from tests.factories import member_with_patient
from tests.members.messages import delivered
from tests.members.people import staff

pytestmark = pytest.mark.django_db

PHONE = "+8613912340001"


class Phones:
    """A gateway that keeps what it gets; `trouble` is what it raises instead."""

    def __init__(self):
        self.got = []
        self.trouble = None

    def send(self, *, recipient, text, key):
        self.got.append((recipient, text, key))
        if self.trouble:
            raise self.trouble


@pytest.fixture
def phones(monkeypatch):
    found = Phones()
    monkeypatch.setattr(deliveries, "sms_gateway", lambda: found)
    return found


def waiting(channel="sms", kind="reminder", **fields):
    """Make a message that is due now."""
    now = clock.now()
    recipient = PHONE if channel == "sms" else "alice@example.org"
    return Delivery.objects.create(
        **{
            "kind": kind,
            "channel": channel,
            "language": "en",
            "recipient": recipient,
            "title": "A title",
            "text": "A text",
            "created_at": now,
            "due_at": now,
            **fields,
        }
    )


def state_of(delivery):
    delivery.refresh_from_db()
    return delivery.state, delivery.attempts, delivery.why


def test_an_sms_goes_to_the_gateway(phones):
    delivery = waiting()

    assert send_due_messages(now=clock.now()) == 1

    assert phones.got == [(PHONE, "A text", str(delivery.uid))]
    assert state_of(delivery) == (DeliveryState.SENT, 1, "")
    assert delivery.sent_at is not None


def test_a_letter_goes_to_the_mail_server():
    delivery = waiting("email")

    send_due_messages(now=clock.now())

    [letter] = mail.outbox
    assert (letter.subject, letter.body, letter.to) == ("A title", "A text", ["alice@example.org"])
    assert letter.message()["Message-ID"] == f"<{delivery.uid}@medbook>"


def test_the_sandbox_sends_nothing_and_notes_it_as_sent():
    delivery = waiting()

    send_due_messages(now=clock.now())

    assert state_of(delivery)[0] == DeliveryState.SENT


def test_what_was_sent_is_not_sent_again(phones):
    delivery = waiting()
    send_due_messages(now=clock.now())

    outcome = send_message(delivery_uid=delivery.uid, now=clock.now() + timedelta(days=1))

    assert outcome == Round.LEFT_ALONE
    assert len(phones.got) == 1


def test_waits_until_it_is_due(phones):
    due_at = clock.now() + timedelta(hours=9)
    waiting(due_at=due_at)

    assert send_due_messages(now=due_at - timedelta(seconds=1)) == 0
    assert send_due_messages(now=due_at) == 1


def test_a_gateway_that_is_away_is_asked_again_later_under_the_same_key(phones):
    delivery = waiting()
    phones.trouble = NotSent("HTTP 503")
    now = clock.now()
    send_due_messages(now=now)
    assert state_of(delivery) == (DeliveryState.WAITING, 1, "HTTP 503")

    phones.trouble = None
    assert send_due_messages(now=now + timedelta(seconds=29)) == 0
    assert send_due_messages(now=now + timedelta(seconds=30)) == 1

    assert state_of(delivery) == (DeliveryState.SENT, 2, "")
    assert {key for _recipient, _text, key in phones.got} == {str(delivery.uid)}


def test_is_given_up_after_five_attempts_and_staff_is_told(phones):
    delivery = waiting()
    phones.trouble = NotSent("HTTP 503")
    now = clock.now()

    for _attempt in range(MOST_ATTEMPTS + 2):
        send_due_messages(now=now)
        now += timedelta(hours=2)

    assert len(phones.got) == MOST_ATTEMPTS == 5
    assert state_of(delivery) == (DeliveryState.FAILED, 5, "HTTP 503")
    assert failed_messages(now=delivery.created_at + timedelta(hours=23))
    assert failed_messages(now=delivery.created_at + timedelta(hours=25)) is None


def test_what_the_provider_refuses_for_good_is_not_tried_again(phones):
    delivery = waiting()
    phones.trouble = NotSent("HTTP 422", is_final=True)

    send_due_messages(now=clock.now())
    send_due_messages(now=clock.now() + timedelta(days=1))

    assert len(phones.got) == 1
    assert state_of(delivery) == (DeliveryState.FAILED, 1, "HTTP 422")


def test_a_gateway_that_is_away_is_left_alone_for_the_round(phones):
    rows = [waiting(), waiting(), waiting("email")]
    phones.trouble = NotSent("ConnectionRefusedError")

    send_due_messages(now=clock.now())

    assert len(phones.got) == 1
    assert [state_of(row)[:2] for row in rows] == [("waiting", 1), ("waiting", 0), ("sent", 1)]


def test_one_bad_number_keeps_nobody_else_from_being_told(phones):
    for _number in range(3):
        waiting()
    phones.trouble = NotSent("HTTP 422", is_final=True)

    send_due_messages(now=clock.now())

    assert len(phones.got) == 3


def test_a_crash_after_the_sending_is_repeated_once_under_the_same_key(phones, monkeypatch):
    delivery = waiting()
    now = clock.now()
    with monkeypatch.context() as broken:
        broken.setattr(deliveries, "_note_sent", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            send_due_messages(now=now)

    for seconds in (1, 29, 30, 31, 9999):
        send_due_messages(now=now + timedelta(seconds=seconds))

    assert state_of(delivery) == (DeliveryState.SENT, 2, "")
    assert [key for _recipient, _text, key in phones.got] == [str(delivery.uid)] * 2


def test_a_mail_server_that_is_away_is_asked_again(monkeypatch):
    delivery = waiting("email")
    monkeypatch.setattr(
        "django.core.mail.backends.locmem.EmailBackend.send_messages",
        lambda *_: (_ for _ in ()).throw(ConnectionRefusedError()),
    )

    send_due_messages(now=clock.now())

    assert state_of(delivery) == (DeliveryState.WAITING, 1, "ConnectionRefusedError")


@pytest.mark.parametrize(("seconds", "leaves"), [(299, True), (300, False)])
def test_a_code_is_not_sent_when_it_is_no_longer_good(phones, seconds, leaves):
    now = clock.now()
    delivery = waiting(kind="code", created_at=now - timedelta(seconds=seconds), due_at=now)

    send_due_messages(now=now)

    assert bool(phones.got) is leaves
    assert state_of(delivery)[0] == (DeliveryState.SENT if leaves else DeliveryState.FAILED)


def test_what_was_erased_meanwhile_stays_unsent(phones):
    delivery = waiting(recipient=None)

    send_due_messages(now=clock.now())

    assert not phones.got
    assert state_of(delivery) == (DeliveryState.SKIPPED, 0, "erased")


def test_the_network_is_asked_outside_of_any_transaction(phones, transactional_db, monkeypatch):
    waiting()
    seen = []
    monkeypatch.setattr(phones, "send", lambda **_: seen.append(connection.in_atomic_block))

    send_due_messages(now=clock.now())

    assert seen == [False]


def test_the_outbox_asks_the_worker_by_an_id_only(django_capture_on_commit_callbacks, monkeypatch):
    sent = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, **options: sent.append((name, options.get("kwargs")))
    )
    delivery = waiting()
    outbox.add("message.waiting", key=delivery.uid, delivery_uid=delivery.uid)
    with django_capture_on_commit_callbacks(execute=True):
        dispatch_due_messages(now=clock.now())

    assert (send_one_message.name, {"delivery_uid": str(delivery.uid)}) in sent


def test_the_task_sends_the_one_message(phones):
    delivery, _other = waiting(), waiting()

    send_one_message(delivery_uid=str(delivery.uid))

    assert [key for _recipient, _text, key in phones.got] == [str(delivery.uid)]


# Again, when staff asks


@pytest.fixture
def alice():
    return member_with_patient(phone=PHONE, email="alice@example.org")


def failed(member, **fields):
    return waiting(
        member=member,
        state=DeliveryState.FAILED,
        created_at=clock.now() - timedelta(hours=1),
        **fields,
    )


def again(delivery, **said):
    return resend_message(
        **{
            "delivery_uid": delivery.uid,
            "reason": "Asked for by phone",
            "by": staff("desk"),
            "now": clock.now(),
            **said,
        }
    )


def test_staff_sends_a_message_again_to_where_the_member_is_reached_today(alice, phones):
    first = failed(alice, recipient="+8613900000000")

    second = again(first)
    delivered()

    assert phones.got == [(PHONE, "A text", str(second.uid))]
    assert state_of(first)[0] == DeliveryState.FAILED
    entry = OperationLog.objects.get(action="message.resent")
    assert entry.reason == "Asked for by phone"
    assert entry.facts["first"] == str(first.uid)
    assert PHONE not in str(entry.facts)


def test_a_code_is_never_sent_again(alice):
    with pytest.raises(CodeNotResent):
        again(failed(alice, kind="code"))

    assert Delivery.objects.count() == 1


def test_sending_again_needs_a_reason(alice):
    with pytest.raises(ReasonMissing):
        again(failed(alice), reason="  ")


def test_what_still_waits_is_not_doubled(alice):
    with pytest.raises(NothingToSend):
        again(waiting(member=alice))


@pytest.mark.parametrize("gone", [{"text": None}, {"member": None}])
def test_nothing_is_left_to_send(alice, gone):
    with pytest.raises(NothingToSend):
        again(failed(**{"member": alice, **gone}))


def test_a_double_press_sends_one_message(alice):
    first = failed(alice)
    again(first)

    with pytest.raises(ResentJustNow):
        again(first)
    again(first, now=clock.now() + timedelta(minutes=1, seconds=1))

    assert Delivery.objects.count() == 3


def test_the_sandbox_is_what_development_uses(settings):
    assert isinstance(gateway.sms_gateway(), gateway.SandboxSms)


@pytest.mark.parametrize(
    ("days", "state", "is_member", "is_kept"),
    [
        (29, DeliveryState.SENT, True, True),
        (30, DeliveryState.SENT, True, False),
        (0.9, DeliveryState.SENT, False, True),
        (1, DeliveryState.SENT, False, False),
        (1, DeliveryState.SKIPPED, False, False),
        (30, DeliveryState.WAITING, True, True),
    ],
)
def test_words_and_recipients_are_forgotten_in_time(days, state, is_member, is_kept):
    now = clock.now()
    member = member_with_patient() if is_member else None
    sent = waiting(member=member, state=state, created_at=now - timedelta(days=days))

    forgotten = deliveries.forget_old_words(now=now)

    sent.refresh_from_db()
    assert forgotten == (not is_kept)
    assert (sent.recipient is not None, sent.text is not None) == (is_kept, is_kept)


def test_what_is_forgotten_is_not_sent_again():
    now = clock.now()
    sent = waiting(
        member=member_with_patient(), state=DeliveryState.SENT, created_at=now - timedelta(days=31)
    )
    deliveries.forget_old_words(now=now)

    with pytest.raises(NothingToSend):
        resend_message(delivery_uid=sent.uid, reason="asked again", by=staff("desk"), now=now)
