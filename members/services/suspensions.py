"""How is online booking paused for a member, and resumed?"""

import uuid
from datetime import datetime, timedelta

from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, retry_on_conflict
from members.errors import NotSuspended, ReasonMissing
from members.models import Member, Suspension, User


@retry_on_conflict
@transaction.atomic(durable=True)
def suspend_member(
    *, member_uid: uuid.UUID, days: int, reason: str, by: User, now: datetime
) -> Suspension:
    """Pause a member's online booking from now on for some days.

    Raises: ReasonMissing.
    """
    if not reason.strip():
        raise ReasonMissing()
    member = lock(Member.objects.filter(uid=member_uid), Rung.MEMBER).get()
    suspension = Suspension.objects.create(
        member=member, starts_at=now, ends_at=now + timedelta(days=days), reason=reason.strip()
    )
    record_event(
        Action.MEMBER_SUSPENDED,
        subject=member,
        by=by,
        reason=reason.strip(),
        facts={"until": suspension.ends_at.isoformat()},
    )
    return suspension


@retry_on_conflict
@transaction.atomic(durable=True)
def lift_suspension(*, member_uid: uuid.UUID, reason: str, by: User, now: datetime) -> Member:
    """End all suspensions of a member that hold now or are still to come.

    Raises: ReasonMissing, NotSuspended.
    """
    if not reason.strip():
        raise ReasonMissing()
    member = lock(Member.objects.filter(uid=member_uid), Rung.MEMBER).get()
    ahead = list(member.suspensions.filter(ends_at__gt=now).order_by("id"))
    if not ahead:
        raise NotSuspended()
    for suspension in ahead:
        suspension.ends_at = max(now, suspension.starts_at)
        suspension.save(update_fields=["ends_at"])
    record_event(Action.MEMBER_SUSPENSION_LIFTED, subject=member, by=by, reason=reason.strip())
    return member
