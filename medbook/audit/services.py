"""How does an act get into the operation log?"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypedDict, Unpack

from django.db.models import Model

from medbook import clock, request_context
from medbook.audit.choices import Action, Outcome
from medbook.audit.models import OperationLog


class Identified(Protocol):
    """Anything with a public id."""

    uid: uuid.UUID


class About(TypedDict, total=False):
    """What may be said of an act; `facts` and `reason` never hold personal data."""

    subject: Identified | None
    by: Identified | None
    patient: Identified | None
    outcome: Outcome
    reason: str
    changed: Iterable[str]
    facts: Mapping[str, Any]


def record_event(action: Action | str, **about: Unpack[About]) -> None:
    """Write one act into the operation log, with the circumstances of the request.

    Raises: ValueError for an act that the log does not know.
    """
    record_events([entry(action, **about)])


def record_events(entries: Iterable[OperationLog]) -> None:
    """Write several acts at once."""
    OperationLog.objects.bulk_create(entries, batch_size=500)


def entry(action: Action | str, **about: Unpack[About]) -> OperationLog:
    """Make the row of one act, not yet written."""
    context = request_context.current()
    subject, by, patient = about.get("subject"), about.get("by"), about.get("patient")
    return OperationLog(
        at=clock.now(),
        action=Action(action),
        outcome=about.get("outcome", Outcome.OK),
        reason=about.get("reason", "")[:200],
        actor_type="user" if by else context.actor_type,
        actor_uid=by.uid if by else context.actor_uid,
        actor_role=context.actor_role,
        subject_type=subject._meta.label_lower if isinstance(subject, Model) else "",
        subject_uid=subject.uid if subject else None,
        patient_uid=patient.uid if patient else None,
        changed_fields=list(about.get("changed", ())),
        facts=dict(about.get("facts", {})),
        request_id=context.request_id,
        ip=context.ip,
        user_agent=context.user_agent[:200],
        channel=context.channel,
    )
