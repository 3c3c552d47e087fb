"""How is a member told something?"""

import json
from collections.abc import Mapping
from datetime import datetime

from django.utils import translation

from medbook.outbox import services as outbox
from members.choices import Channel, DeliveryState
from members.models import Delivery, Member, Notification
from members.rules.messages import KINDS

Fact = str | int | datetime


def notify_member(
    *,
    member: Member,
    kind: str,
    key: str,
    facts: Mapping[str, Fact],
    path: str = "",
    now: datetime,
) -> None:
    """Put a message into a member's inbox and on its ways out, in the caller's transaction.

    `kind` is one of settings.MESSAGE_KINDS; `key` names the event, which is told once; `facts`
    fill the variables of the words, instants as aware datetimes; `path` is the page that helps,
    without the language: "membership/".
    """
    said = {
        name: fact.isoformat() if isinstance(fact, datetime) else fact
        for name, fact in facts.items()
    }
    Notification.objects.bulk_create(
        [
            Notification(
                member=member,
                kind=kind,
                key=key,
                facts=json.dumps(said, ensure_ascii=False),
                path=path,
                created_at=now,
            )
        ],
        ignore_conflicts=True,
    )


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
    """
    words = KINDS[kind]
    delivery = Delivery.objects.create(
        kind=kind,
        channel=channel,
        language=translation.get_language() or "en",
        recipient=recipient,
        title=str(words.title),
        text=str(words.text).format_map(facts),
        state=DeliveryState.WAITING if is_live else DeliveryState.SKIPPED,
        why=why,
        created_at=now,
        due_at=now,
    )
    outbox.add("message.waiting", key=delivery.uid, delivery_uid=delivery.uid)
    return delivery
