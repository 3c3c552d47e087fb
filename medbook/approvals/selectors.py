"""What waits for somebody's decision?"""

import uuid
from datetime import datetime
from typing import Protocol

from django.utils.translation import ngettext

from medbook.approvals.choices import ApprovalState
from medbook.approvals.models import Approval


class Decider(Protocol):
    """Somebody who may be allowed to decide."""

    uid: uuid.UUID

    def has_perm(self, perm: str) -> bool:
        """Tell whether this person has a permission."""
        ...


def waiting_approvals(*, by: Decider, now: datetime) -> str | None:
    """Say how many requests of others wait for this person; None where none does. One query."""
    if not by.has_perm("approvals.decide_approval"):
        return None
    waiting = Approval.objects.filter(state=ApprovalState.WAITING)
    count = waiting.exclude(asked_by_uid=by.uid).count()
    if not count:
        return None
    return ngettext(
        "%(count)d request waits for a second person.",
        "%(count)d requests wait for a second person.",
        count,
    ) % {"count": count}
