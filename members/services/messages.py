"""How is a member told something?"""

import json
from collections.abc import Mapping
from datetime import datetime

from members.models import Member, Notification

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
