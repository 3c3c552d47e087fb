"""Who changed a schedule last, and when?"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from medbook.audit.choices import Action, Outcome
from medbook.audit.models import OperationLog
from members.models import User


@dataclass(frozen=True)
class Change:
    """Who did something, by the name that staff show each other, and when."""

    who: str
    at: datetime


def last_change(schedule_uid: uuid.UUID) -> Change | None:
    """Read it from the operation log; None for what was never touched by hand. Two queries."""
    acts = (Action.SCHEDULE_CHANGED, Action.SCHEDULE_PUBLISHED, Action.SCHEDULE_CALLED_OFF)
    row = (
        OperationLog.objects.filter(subject_uid=schedule_uid, action__in=acts, outcome=Outcome.OK)
        .order_by("-at", "-id")
        .first()
    )
    user = User.objects.filter(uid=row.actor_uid).first() if row and row.actor_uid else None
    return Change(str(user), row.at) if row and user else None
