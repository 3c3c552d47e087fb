"""How does a member let a calendar read their visits, and stop it?"""

import hashlib
import secrets
from datetime import datetime

from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, retry_on_conflict
from members.models import CalendarFeed, Member, User

TOKEN_BYTES = 32


@retry_on_conflict
@transaction.atomic(durable=True)
def open_calendar_feed(*, member: Member, by: User, now: datetime) -> str:
    """Make a secret for a calendar address and return it, this once; an earlier one ends."""
    locked = lock(Member.objects.filter(pk=member.pk), Rung.MEMBER).get()
    token = secrets.token_urlsafe(TOKEN_BYTES)
    feed, _is_new = CalendarFeed.objects.update_or_create(
        member=locked, defaults={"token_hash": token_hash(token), "created_at": now}
    )
    record_event(Action.CALENDAR_FEED_OPENED, subject=feed, by=by)
    return token


@retry_on_conflict
@transaction.atomic(durable=True)
def close_calendar_feed(*, member: Member, by: User, now: datetime) -> None:
    """Let no calendar read the visits any more; without an address nothing happens."""
    locked = lock(Member.objects.filter(pk=member.pk), Rung.MEMBER).get()
    feed = CalendarFeed.objects.filter(member=locked).first()
    if feed is None:
        return
    record_event(Action.CALENDAR_FEED_CLOSED, subject=feed, by=by)
    feed.delete()


def member_of_feed(token: str) -> Member | None:
    """Find whose calendar address this is; None for a wrong one, or a closed account's."""
    rows = Member.objects.select_related("user").filter(
        calendar_feed__token_hash=token_hash(token), user__is_active=True
    )
    return rows.first()


def token_hash(token: str) -> str:
    """Hash a secret of 256 random bits, which needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()
