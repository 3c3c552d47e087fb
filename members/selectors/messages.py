"""What was a member told, what is unread, and what became of what left the house?"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import ngettext

from medbook.errors import Missing
from members.choices import Channel, DeliveryState
from members.models import Delivery, Member, Notification, User
from members.rules.messages import MessageKind
from members.selectors.wording import (
    UNKNOWN,
    Words,
    changed_words,
    message_kinds,
    said_facts,
    worded,
)

FAILURES_SHOWN_FOR = timedelta(days=1)
OUTWARD = (Channel.SMS, Channel.EMAIL)


@dataclass(frozen=True)
class Told:
    """One notification in the reader's language."""

    notification: Notification
    label: str | Promise
    words: Words


def inbox(member: Member) -> QuerySet[Notification]:
    """Return all that a member was told."""
    return Notification.objects.filter(member=member)


def told(notifications: Iterable[Notification]) -> list[Told]:
    """Put notifications into words. One query, whatever their number."""
    kinds, changed = message_kinds(), changed_words()
    found = []
    for notification in notifications:
        kind = kinds.get(notification.kind)
        if kind is None:  # of an app that no longer says this
            kind = MessageKind(notification.kind, notification.kind, notification.kind, "")
        facts = dict.fromkeys(kind.variables, UNKNOWN) | said_facts(notification.facts.reveal())
        words = worded(kind, facts, changed.get(kind.key))
        found.append(Told(notification, kind.label, words))
    return found


def kinds_told(member: Member) -> list[MessageKind]:
    """Return the kinds of messages that a member has had. One query."""
    had = set(inbox(member).values_list("kind", flat=True).distinct())
    return [kind for key, kind in message_kinds().items() if key in had]


def unread_count(user: User | AnonymousUser) -> int:
    """Tell how many messages the member of an account has not read. One query."""
    if not isinstance(user, User):
        return 0
    return Notification.objects.filter(member__user=user, read_at__isnull=True).count()


def own_notification(member: Member, uid: UUID) -> Notification:
    """Return one of a member's messages. Raises: Missing."""
    notification = inbox(member).filter(uid=uid).first()
    if notification is None:
        raise Missing()
    return notification


def open_ways(member: Member) -> list[tuple[str, str]]:
    """Tell which kinds by which channels a member may switch on and off."""
    reachable = [
        channel
        for channel, address in ((Channel.SMS, member.phone), (Channel.EMAIL, member.email))
        if address
    ]
    return [
        (kind.key, channel)
        for kind in message_kinds().values()
        if not kind.is_critical
        for channel in reachable
    ]


def chosen_ways(member: Member) -> dict[tuple[str, str], bool]:
    """Tell by which ways each kind reaches a member, as chosen or by default. One query."""
    rows = member.channel_choices.values_list("kind", "channel", "is_wanted")
    chosen = {(kind, channel): is_wanted for kind, channel, is_wanted in rows}
    return {
        (kind.key, channel): channel in kind.channels
        if kind.is_critical
        else chosen.get((kind.key, channel), channel in kind.channels)
        for kind in message_kinds().values()
        for channel in OUTWARD
    }


def deliveries(*, kind: str = "", channel: str = "", state: str = "") -> QuerySet[Delivery]:
    """Return what left the house or is about to, newest first, each with its member."""
    asked = {"kind": kind, "channel": channel, "state": state}
    rows = Delivery.objects.select_related("member__user")
    return rows.filter(**{name: value for name, value in asked.items() if value}).order_by(
        "-created_at", "-id"
    )


def failed_messages(*, now: datetime) -> str | None:
    """Tell staff how many messages could not be sent in the last day; None if all were."""
    count = Delivery.objects.filter(
        state=DeliveryState.FAILED, created_at__gt=now - FAILURES_SHOWN_FOR
    ).count()
    if not count:
        return None
    text = ngettext(
        "%(count)d message could not be sent since yesterday.",
        "%(count)d messages could not be sent since yesterday.",
        count,
    )
    return text % {"count": count}
