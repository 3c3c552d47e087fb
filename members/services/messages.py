"""How is a member told something?"""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.utils import timezone, translation

from medbook.outbox import services as outbox
from members.choices import Channel, DeliveryState
from members.models import Delivery, Member, Notification
from members.rules.messages import MessageKind
from members.rules.quiet_hours import after_quiet_hours
from members.selectors.wording import (
    Fact,
    Words,
    changed_template,
    message_kinds,
    packed_facts,
    said_facts,
    worded,
)

__all__ = ["Fact", "notify_member", "send_unasked", "withdraw_messages"]

OUTWARD = (Channel.SMS, Channel.EMAIL)


def notify_member(
    *,
    member: Member,
    kind: str,
    key: str,
    facts: Mapping[str, Fact],
    path: str = "",
    now: datetime,
    zone: str | None = None,
) -> None:
    """Put a message into a member's inbox and on its ways out, in the caller's transaction.

    `kind` is one of settings.MESSAGE_KINDS; `key` names the event, which is told once; `facts`
    fill the variables of the words: instants as aware datetimes, said by the clock of the `zone`
    or the site's, and texts that differ by language as lazy ones; `path` is the page that helps,
    without the language: "membership/".
    Raises: KeyError for an unknown kind, or a variable without a fact.
    """
    said = message_kinds()[kind]
    packed = packed_facts(facts, zone)
    words = _words(said, packed, member.user.language)
    notification, is_new = Notification.objects.get_or_create(
        member=member,
        kind=kind,
        key=key,
        defaults={"facts": packed, "path": path, "created_at": now},
    )
    if is_new:
        _send_out(notification, said, words, now)


def withdraw_messages(*, member: Member, kind: str, key: str) -> None:
    """Hold back what still waits to be sent about an event that has been overtaken.

    The inbox keeps it. In the caller's transaction.
    """
    Delivery.objects.filter(
        notification__member=member,
        notification__kind=kind,
        notification__key=key,
        state=DeliveryState.WAITING,
        attempts=0,
    ).update(state=DeliveryState.SKIPPED, why="overtaken")


def send_unasked(
    *,
    kind: str,
    channel: Channel,
    recipient: str,
    facts: Mapping[str, Fact],
    now: datetime,
    is_live: bool = True,
    why: str = "",
) -> Delivery:
    """Send a message at once to a phone or address that need not belong to anybody.

    In the caller's transaction and language; the words leave after the commit. One that is not
    live costs the same work and stays in the house; `why` says the reason.
    Raises: KeyError for an unknown kind, or a variable without a fact.
    """
    language = translation.get_language() or settings.LANGUAGE_CODE
    words = _words(message_kinds()[kind], packed_facts(facts), language)
    delivery = Delivery.objects.create(
        kind=kind,
        channel=channel,
        language=language,
        recipient=recipient,
        title=words.title,
        text=words.text,
        state=DeliveryState.WAITING if is_live else DeliveryState.SKIPPED,
        why=why,
        created_at=now,
        due_at=now,
    )
    _poke(delivery)
    return delivery


def _words(kind: MessageKind, packed: str, language: str) -> Words:
    with translation.override(language):
        return worded(kind, said_facts(packed), changed_template(kind))


def _send_out(notification: Notification, kind: MessageKind, words: Words, now: datetime) -> None:
    member = notification.member
    due_at = now if kind.is_critical else _awake_at(member, now)
    for channel in _ways(member, kind):
        delivery = Delivery.objects.create(
            member=member,
            notification=notification,
            kind=kind.key,
            channel=channel,
            language=member.user.language,
            recipient=_address(member, channel),
            title=words.title,
            text=_body(words, channel, notification),
            created_at=now,
            due_at=due_at,
        )
        if due_at <= now:
            _poke(delivery)


def _ways(member: Member, kind: MessageKind) -> list[str]:
    choices = member.channel_choices.filter(kind=kind.key)
    chosen = dict(choices.values_list("channel", "is_wanted"))
    return kind.ways(chosen, tuple(way for way in OUTWARD if _address(member, way)))


def _address(member: Member, channel: str) -> str | None:
    sealed = member.phone if channel == Channel.SMS else member.email
    return sealed.reveal() if sealed else None


def _body(words: Words, channel: str, notification: Notification) -> str:
    """Write what is sent: an e-mail leads to the page that helps, an SMS is short."""
    if channel != Channel.EMAIL or not notification.path:
        return words.text
    language = notification.member.user.language
    return f"{words.text}\n\n{settings.BASE_URL}/{language}/{notification.path}"


def _awake_at(member: Member, now: datetime) -> datetime:
    return after_quiet_hours(
        now,
        quiet_from=member.quiet_from,
        quiet_until=member.quiet_until,
        zone=timezone.get_default_timezone(),
    )


def _poke(delivery: Delivery) -> None:
    outbox.add("message.waiting", key=delivery.uid, delivery_uid=delivery.uid)
