"""How is online booking paused, and resumed?"""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, retry_on_conflict
from members.errors import AlreadyAppealed, NotSuspended, ReasonMissing
from members.models import Member, Patient, Suspension, User
from members.selectors.patients import own_entry


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
        end(suspension, now)
    record_event(Action.MEMBER_SUSPENSION_LIFTED, subject=member, by=by, reason=reason.strip())
    return member


@retry_on_conflict
@transaction.atomic(durable=True)
def end_suspension(
    *, suspension_uid: uuid.UUID, reason: str, by: User, now: datetime
) -> Suspension:
    """End one pause, of a member or of a patient.

    Raises: ReasonMissing, NotSuspended.
    """
    if not reason.strip():
        raise ReasonMissing()
    found = Suspension.objects.get(uid=suspension_uid)
    if found.member_id is not None:
        lock(Member.objects.filter(pk=found.member_id), Rung.MEMBER).get()
    if found.patient_id is not None:
        lock(Patient.objects.filter(pk=found.patient_id), Rung.PATIENT).get()
    suspension = Suspension.objects.select_related("member", "patient").get(pk=found.pk)
    if suspension.ends_at <= now:
        raise NotSuspended()
    end(suspension, now)
    record_event(
        Action.MEMBER_SUSPENSION_LIFTED,
        subject=suspension.member or suspension.patient,
        patient=suspension.patient,
        by=by,
        reason=reason.strip(),
    )
    return suspension


@retry_on_conflict
@transaction.atomic(durable=True)
def appeal(
    *, member: Member, patient_uid: uuid.UUID, note: str, by: User, now: datetime
) -> Suspension:
    """Ask the clinic to look at the pause of a patient in a member's list, or of the member.

    Raises: Missing, NotSuspended, AlreadyAppealed.
    """
    locked = lock(Member.objects.filter(pk=member.pk), Rung.MEMBER).get()
    link = own_entry(locked, patient_uid)
    known = Q(patient=link.patient) if link.has_consent else Q()
    running = Suspension.objects.running(now).filter(Q(member=locked) | known)
    suspension = running.order_by("-ends_at").first()
    if suspension is None:
        raise NotSuspended()
    if suspension.appealed_at is not None:
        raise AlreadyAppealed()
    suspension.appeal = note
    suspension.appealed_at = now
    suspension.save(update_fields=["appeal", "appealed_at"])
    record_event(Action.SUSPENSION_APPEALED, subject=suspension, patient=suspension.patient, by=by)
    return suspension


def end(suspension: Suspension, now: datetime) -> None:
    """Let a suspension end now, in the caller's transaction; one to come never begins."""
    suspension.ends_at = max(now, suspension.starts_at)
    suspension.save(update_fields=["ends_at"])
