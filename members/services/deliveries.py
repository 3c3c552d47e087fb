"""How does a message leave the house: once, by and by, and again when staff asks?"""

import uuid
from datetime import datetime
from enum import Enum

import structlog
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q, QuerySet

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import Rung, lock, retry_on_conflict
from medbook.outbox import services as outbox
from members.choices import Channel, DeliveryState
from members.errors import CodeNotResent, NothingToSend, ReasonMissing, ResentJustNow
from members.gateway import NotSent, sms_gateway
from members.models import Delivery, Member, User
from members.rules.deliveries import (
    BETWEEN_RESENDS,
    WORDS_KEPT,
    WORDS_OF_STRANGERS_KEPT,
    is_given_up,
    next_attempt_at,
)
from members.selectors.wording import message_kinds

log = structlog.get_logger(__name__)

CODE = "code"
MESSAGES_A_ROUND = 200


class Round(Enum):
    """What became of one message in one round."""

    LEFT_ALONE = "left alone"
    SENT = "sent"
    REFUSED = "refused"
    GATEWAY_AWAY = "gateway away"


def send_due_messages(*, now: datetime) -> int:
    """Send what waits and is due; tell how many went out.

    A gateway that is away is left alone for the rest of the round.
    """
    due = Delivery.objects.filter(state=DeliveryState.WAITING, due_at__lte=now)
    rows = due.order_by("due_at", "id").values_list("uid", "channel")[:MESSAGES_A_ROUND]
    sent, away = 0, set()
    for delivery_uid, channel in list(rows):
        if channel in away:
            continue
        outcome = send_message(delivery_uid=delivery_uid, now=now)
        sent += outcome == Round.SENT
        if outcome == Round.GATEWAY_AWAY:
            away.add(channel)
    return sent


def send_message(*, delivery_uid: uuid.UUID, now: datetime) -> Round:
    """Send one message if it waits and is due: mark it, hand it over, mark the outcome.

    The network is asked outside of any transaction. Between the marks a crash costs the pause
    until the next attempt, which carries the same key.
    """
    delivery = _claim(delivery_uid, now)
    if delivery is None:
        return Round.LEFT_ALONE
    try:
        _hand_over(delivery)
    except NotSent as failure:
        _note_failure(delivery, failure)
        return Round.REFUSED if failure.is_final else Round.GATEWAY_AWAY
    _note_sent(delivery, now)
    return Round.SENT


@retry_on_conflict
@transaction.atomic(durable=True)
def resend_message(*, delivery_uid: uuid.UUID, reason: str, by: User, now: datetime) -> Delivery:
    """Send a message once more, as a new delivery to where the member is reached today.

    Raises: ReasonMissing, CodeNotResent, NothingToSend, ResentJustNow, Missing.
    """
    if not reason.strip():
        raise ReasonMissing()
    rows = Delivery.objects.select_related("member").filter(uid=delivery_uid)
    delivery = lock(rows, Rung.MESSAGE).first()
    if delivery is None:
        raise Missing()
    if delivery.kind == CODE:
        raise CodeNotResent()
    recipient = _present_address(delivery.member, delivery.channel)
    if recipient is None or delivery.text is None or delivery.state == DeliveryState.WAITING:
        raise NothingToSend()
    recent = Delivery.objects.filter(
        member=delivery.member,
        kind=delivery.kind,
        channel=delivery.channel,
        created_at__gt=now - BETWEEN_RESENDS,
    )
    if recent.exists():
        raise ResentJustNow()
    again = Delivery.objects.create(
        member=delivery.member,
        kind=delivery.kind,
        channel=delivery.channel,
        language=delivery.language,
        recipient=recipient,
        title=delivery.title.reveal() if delivery.title else None,
        text=delivery.text.reveal(),
        created_at=now,
        due_at=now,
    )
    outbox.add("message.waiting", key=again.uid, delivery_uid=again.uid)
    record_event(
        Action.MESSAGE_RESENT,
        subject=again,
        by=by,
        reason=reason.strip(),
        facts={"kind": delivery.kind, "channel": delivery.channel, "first": str(delivery.uid)},
    )
    return again


@transaction.atomic(durable=True)
def forget_old_words(*, now: datetime) -> int:
    """Take recipients and words out of what was sent long ago; tell of how many messages.

    That a message of a kind went out, and when, stays.
    """
    old = Q(created_at__lte=now - WORDS_KEPT)
    strangers = Q(member__isnull=True, created_at__lte=now - WORDS_OF_STRANGERS_KEPT)
    rows = Delivery.objects.exclude(state=DeliveryState.WAITING).filter(old | strangers)
    return rows.filter(recipient__isnull=False).update(recipient=None, title=None, text=None)


@retry_on_conflict
@transaction.atomic(durable=True)
def _claim(delivery_uid: uuid.UUID, now: datetime) -> Delivery | None:
    """Take a message for one attempt; nobody else does before the pause is over."""
    due = Delivery.objects.filter(uid=delivery_uid, state=DeliveryState.WAITING, due_at__lte=now)
    delivery = lock(due, Rung.MESSAGE, skip_locked=True).first()
    if delivery is None:
        return None
    if why := _why_not(delivery, now):
        delivery.state, delivery.why = why
        delivery.save(update_fields=["state", "why"])
        return None
    delivery.attempts += 1
    delivery.due_at = next_attempt_at(delivery.attempts, now)
    delivery.save(update_fields=["attempts", "due_at"])
    return delivery


def _why_not(delivery: Delivery, now: datetime) -> tuple[DeliveryState, str] | None:
    """Tell what becomes of a message that is not to be sent, and why."""
    if delivery.recipient is None or delivery.text is None:
        return DeliveryState.SKIPPED, "erased"
    if is_given_up(delivery.attempts):
        return DeliveryState.FAILED, delivery.why or "no answer"
    kind = message_kinds().get(delivery.kind)
    if kind and kind.good_for and now >= delivery.created_at + kind.good_for:
        return DeliveryState.FAILED, delivery.why or "too late"
    return None


def _hand_over(delivery: Delivery) -> None:
    recipient = delivery.recipient.reveal() if delivery.recipient else ""
    text = delivery.text.reveal() if delivery.text else ""
    if delivery.channel == Channel.SMS:
        sms_gateway().send(recipient=recipient, text=text, key=str(delivery.uid))
        return
    letter = EmailMessage(
        delivery.title.reveal() if delivery.title else "",
        text,
        to=[recipient],
        headers={"Message-ID": f"<{delivery.uid}@medbook>", "Auto-Submitted": "auto-generated"},
    )
    try:
        letter.send()
    except (OSError, ValueError) as error:  # smtplib's errors are OSErrors
        raise NotSent(type(error).__name__, is_final=isinstance(error, ValueError)) from error


def _note_sent(delivery: Delivery, now: datetime) -> None:
    _still(delivery).update(state=DeliveryState.SENT, sent_at=now, why="")


def _note_failure(delivery: Delivery, failure: NotSent) -> None:
    is_over = failure.is_final or is_given_up(delivery.attempts)
    state = DeliveryState.FAILED if is_over else DeliveryState.WAITING
    _still(delivery).update(state=state, why=failure.why[:60])
    log.warning("message.not_sent", kind=delivery.kind, channel=delivery.channel, why=failure.why)


def _still(delivery: Delivery) -> QuerySet[Delivery]:
    """Select the message as long as this attempt is its last one."""
    return Delivery.objects.filter(
        pk=delivery.pk, attempts=delivery.attempts, state=DeliveryState.WAITING
    )


def _present_address(member: Member | None, channel: str) -> str | None:
    if member is None:
        return None
    sealed = member.phone if channel == Channel.SMS else member.email
    return sealed.reveal() if sealed else None
