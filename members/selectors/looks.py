"""Who of the staff has looked at a member's record, or changed it?"""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from medbook.audit.choices import Action, Outcome
from medbook.audit.models import OperationLog
from members.choices import ConsentState, Relation, Role
from members.models import Member, User

# Seen by others: what opens, lists or changes a record. Signing in and paying are one's own acts.
NOT_LOOKS = (Action.SIGN_IN_SUCCEEDED, Action.SIGN_IN_FAILED, Action.ACCESS_DENIED)


@dataclass(frozen=True)
class Look:
    """One act of staff, by role and not by name."""

    at: datetime
    act: str
    reason: str
    roles: tuple[str, ...]
    is_about_me: bool


def looks_at(member: Member) -> QuerySet[OperationLog]:
    """List what staff did with the records of a member, newest first.

    These are the member's own record and those of patients who let the member see theirs.
    """
    patients = list(watched_patients(member))
    about = Q(subject_uid__in=[member.uid, *patients]) | Q(patient_uid__in=patients)
    for patient in patients:
        about |= Q(action=Action.PEOPLE_SEARCHED, facts__contains={"patients": [str(patient)]})
    rows = OperationLog.objects.filter(about, outcome=Outcome.OK, actor_uid__isnull=False)
    return (
        rows.exclude(actor_uid=member.user.uid)
        .exclude(actor_role="member")
        .exclude(action__in=NOT_LOOKS)
        .order_by("-id")
    )


def watched_patients(member: Member) -> Iterable[uuid.UUID]:
    """List the patients of a member who have agreed to it, or whose guardian the member is."""
    links = member.links.standing().filter(consent=ConsentState.GIVEN)
    return links.values_list("patient__uid", flat=True)


def described(rows: Collection[OperationLog], member: Member) -> list[Look]:
    """Put the log's rows into words; whoever acted is told by role."""
    roles = _roles_of({row.actor_uid for row in rows if row.actor_uid})
    own = set(
        member.links.filter(relation=Relation.SELF).values_list("patient__uid", flat=True)
    ) | {member.uid}
    return [
        Look(
            at=row.at,
            act=row.get_action_display(),
            reason=row.reason,
            roles=roles.get(row.actor_uid, ()) if row.actor_uid else (),
            is_about_me=_is_about(row, own),
        )
        for row in rows
    ]


def told_looks(member: Member) -> list[dict[str, str]]:
    """Tell the same for the member's export."""
    rows = list(looks_at(member))
    return [
        {
            "at": look.at.isoformat(),
            "act": look.act,
            "role": " · ".join(look.roles),
            "reason": look.reason,
        }
        for look in described(rows, member)
    ]


def _roles_of(actors: Iterable[uuid.UUID]) -> dict[uuid.UUID, tuple[str, ...]]:
    staff = User.objects.filter(uid__in=list(actors), is_staff=True).prefetch_related("groups")
    return {
        user.uid: tuple(
            str(Role(group.name).label) for group in user.groups.all() if group.name in Role.values
        )
        for user in staff
    }


def _is_about(row: OperationLog, own: Collection[uuid.UUID]) -> bool:
    searched = {uuid.UUID(each) for each in row.facts.get("patients", ())}
    return bool(({row.subject_uid, row.patient_uid} | searched) & set(own))
