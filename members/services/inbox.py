"""What does a member do with messages: read them, and say which ones are wanted how?"""

import uuid
from collections.abc import Collection
from datetime import datetime, time

from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import Rung, lock, retry_on_conflict
from members.models import ChannelChoice, Member, Notification, User
from members.selectors.messages import chosen_ways, open_ways


@retry_on_conflict
@transaction.atomic(durable=True)
def read_notification(
    *, member: Member, notification_uid: uuid.UUID, now: datetime
) -> Notification:
    """Note that a member has read a message; the first time counts.

    Raises: Missing, also for what another member was told.
    """
    own = Notification.objects.filter(member=member, uid=notification_uid)
    own.filter(read_at__isnull=True).update(read_at=now)
    notification = own.first()
    if notification is None:
        raise Missing()
    return notification


@retry_on_conflict
@transaction.atomic(durable=True)
def read_all_notifications(*, member: Member, now: datetime) -> int:
    """Note that a member has read all that there is by now; tell how many were unread."""
    unread = Notification.objects.filter(member=member, read_at__isnull=True)
    return unread.filter(created_at__lte=now).update(read_at=now)


@retry_on_conflict
@transaction.atomic(durable=True)
def choose_ways(
    *,
    member: Member,
    wanted: Collection[tuple[str, str]],
    quiet_from: time,
    quiet_until: time,
    by: User,
) -> Member:
    """Set by which channels a member wants each kind of message, and the hours of quiet.

    `wanted` holds (kind, channel) pairs. What is critical, and channels without an address, stay
    as they are.
    """
    member = lock(Member.objects.filter(pk=member.pk), Rung.MEMBER).get()
    before = chosen_ways(member)
    changed = [way for way in open_ways(member) if (way in wanted) != before[way]]
    for kind, channel in changed:
        ChannelChoice.objects.update_or_create(
            member=member,
            kind=kind,
            channel=channel,
            defaults={"is_wanted": (kind, channel) in wanted},
        )
    is_moved = (member.quiet_from, member.quiet_until) != (quiet_from, quiet_until)
    if is_moved:
        member.quiet_from, member.quiet_until = quiet_from, quiet_until
        member.save(update_fields=["quiet_from", "quiet_until"])
    if changed or is_moved:
        names = [f"{kind} {channel}" for kind, channel in changed]
        record_event(
            Action.MESSAGE_WAYS_CHOSEN,
            subject=member,
            by=by,
            changed=[*names, *(["quiet hours"] if is_moved else [])],
        )
    return member
