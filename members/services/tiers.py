"""How does a member come into another tier?"""

import uuid
from datetime import datetime

from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, retry_on_conflict
from members.errors import ReasonMissing
from members.models import Member, Tier, User


@retry_on_conflict
@transaction.atomic(durable=True)
def change_tier(
    *, member_uid: uuid.UUID, tier: Tier, reason: str, by: User, now: datetime
) -> Member:
    """Put a member into a tier; what is booked already keeps its price and rules.

    Raises: ReasonMissing.
    """
    if not reason.strip():
        raise ReasonMissing()
    members = Member.objects.select_related("tier", "user").filter(uid=member_uid)
    member = lock(members, Rung.MEMBER).get()
    before, member.tier = member.tier, tier
    member.save(update_fields=["tier"])
    record_event(
        Action.MEMBER_TIER_CHANGED,
        subject=member,
        by=by,
        reason=reason.strip(),
        facts={"from": before.code, "to": tier.code},
    )
    return member
