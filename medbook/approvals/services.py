"""How does an act wait for a second person, and what do they decide?"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Model
from django.utils.module_loading import import_string

from medbook.approvals.choices import ApprovalState, Kind
from medbook.approvals.errors import AlreadyDecided, AnotherPersonDecides
from medbook.approvals.models import Approval
from medbook.audit.choices import Action
from medbook.audit.services import Identified, record_event
from medbook.errors import Missing
from medbook.locks import Rung, lock, require_transaction, retry_on_conflict


def ask_approval(
    *,
    kind: Kind,
    key: str,
    subject: Identified,
    facts: Mapping[str, Any],
    reason: str,
    by: Identified,
    now: datetime,
) -> Approval:
    """Leave an act to a second person, in the asker's transaction; the same key asks once."""
    require_transaction()
    approval, is_new = Approval.objects.get_or_create(
        key=key,
        defaults={
            "kind": kind,
            "subject_type": subject._meta.label_lower if isinstance(subject, Model) else "",
            "subject_uid": subject.uid,
            "facts": dict(facts),
            "reason": reason,
            "asked_by_uid": by.uid,
            "asked_at": now,
        },
    )
    if is_new:
        record_event(
            Action.APPROVAL_ASKED, subject=approval, by=by, reason=reason, facts=_facts(approval)
        )
    return approval


@retry_on_conflict
@transaction.atomic(durable=True)
def approve_request(*, approval_uid: uuid.UUID, by: Identified, now: datetime) -> Approval:
    """Do what somebody else has asked for, in the same transaction.

    Raises: AnotherPersonDecides, AlreadyDecided, Missing, and what the act itself raises.
    """
    approval = _decided(approval_uid, ApprovalState.APPROVED, by, now)
    record_event(Action.APPROVAL_APPROVED, subject=approval, by=by, facts=_facts(approval))
    import_string(settings.APPROVAL_KINDS[approval.kind])(approval=approval, by=by, now=now)
    return approval


@retry_on_conflict
@transaction.atomic(durable=True)
def refuse_request(
    *, approval_uid: uuid.UUID, reason: str, by: Identified, now: datetime
) -> Approval:
    """Leave undone what somebody else has asked for.

    Raises: AnotherPersonDecides, AlreadyDecided, Missing.
    """
    approval = _decided(approval_uid, ApprovalState.REFUSED, by, now)
    record_event(
        Action.APPROVAL_REFUSED, subject=approval, by=by, reason=reason, facts=_facts(approval)
    )
    return approval


def _decided(uid: uuid.UUID, state: ApprovalState, by: Identified, now: datetime) -> Approval:
    approval = lock(Approval.objects.filter(uid=uid), Rung.APPROVAL).first()
    if approval is None:
        raise Missing()
    if approval.state != ApprovalState.WAITING:
        raise AlreadyDecided()
    if approval.asked_by_uid == by.uid:
        raise AnotherPersonDecides()
    approval.state = state
    approval.decided_by_uid = by.uid
    approval.decided_at = now
    approval.save(update_fields=["state", "decided_by_uid", "decided_at"])
    return approval


def _facts(approval: Approval) -> dict[str, Any]:
    return {
        "kind": approval.kind,
        "about": f"{approval.subject_type} {approval.subject_uid}",
        **approval.facts,
    }
