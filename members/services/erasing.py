"""How does a member's account end, so that nobody can be told from what stays?"""

import uuid
from collections.abc import Collection
from datetime import datetime

from axes.models import AccessAttempt
from django.db import transaction
from django.db.models import Q

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, retry_on_conflict
from medbook.personal_data import Entry, Erasure, blanked_fields, registry
from members.choices import ConsentState, PatientState, Sex
from members.errors import AlreadyErased, ReasonMissing, StillOpen
from members.models import FamilyLink, Member, OneTimeCode, Patient, User
from members.selectors.privacy import erasure_obstacles, exports_of
from members.services.sessions import end_sessions


@retry_on_conflict
@transaction.atomic(durable=True)
def erase_member(*, member_uid: uuid.UUID, by: User, now: datetime, reason: str = "") -> Member:
    """Take everything that names a member out of the database; money and acts stay, nameless.

    What becomes of each table is said in settings.PERSONAL_DATA. Patients whom other members
    book for stay theirs. Staff gives a reason.
    Raises: ReasonMissing, AlreadyErased, StillOpen.
    """
    if by.is_staff and not reason.strip():
        raise ReasonMissing()
    rows = Member.objects.select_related("user").filter(uid=member_uid)
    member = lock(rows, Rung.MEMBER).get()
    known = FamilyLink.objects.filter(member=member).values("patient")
    patients = list(lock(Patient.objects.filter(id__in=known).order_by("id"), Rung.PATIENT))
    if member.erased_at is not None:
        raise AlreadyErased()
    if obstacles := erasure_obstacles(member):
        raise StillOpen(reasons=" ".join(str(each) for each in obstacles))
    end_sessions(user=member.user, now=now)
    _forget_attempts(member)
    gone = _known_to_nobody_else(member, patients)
    for entry in registry():
        _erase_rows(entry, member, gone)
    Patient.objects.filter(id__in=gone).update(
        identity_kind="", sex=Sex.UNKNOWN, state=PatientState.UNVERIFIED
    )
    exports_of(member).delete()
    Member.objects.filter(pk=member.pk).update(erased_at=now)
    _close(member.user)
    record_event(Action.MEMBER_ERASED, subject=member, by=by, reason=reason.strip())
    return Member.objects.select_related("user").get(pk=member.pk)


def _known_to_nobody_else(member: Member, patients: Collection[Patient]) -> list[int]:
    """List the patients for whom no other member books, with the records joined to them.

    Whom the desk has verified is nobody's to erase who has only declared to book for them.
    """
    others = FamilyLink.objects.standing().exclude(member=member)
    kept = set(others.filter(patient__in=patients).values_list("patient_id", flat=True))
    declared = member.links.exclude(consent=ConsentState.GIVEN)
    verified = declared.filter(patient__state=PatientState.VERIFIED)
    kept |= set(verified.values_list("patient_id", flat=True))
    gone = [patient.pk for patient in patients if patient.pk not in kept]
    return [*gone, *Patient.objects.filter(joined_to__in=gone).values_list("pk", flat=True)]


def _erase_rows(entry: Entry, member: Member, patients: Collection[int]) -> None:
    about = Q(pk__in=[])
    for path in entry.paths_to(Member):
        about |= Q(**{path: member.pk})
    for path in entry.paths_to(User):
        about |= Q(**{path: member.user_id})
    for path in entry.paths_to(Patient):
        about |= Q(**{f"{path}__in": patients})
    rows = entry.model._default_manager.filter(about)
    if entry.erasure == Erasure.DELETE:
        rows.delete()
    elif entry.erasure == Erasure.BLANK:
        rows.update(**{field.name: None for field in blanked_fields(entry.model)})


def _forget_attempts(member: Member) -> None:
    """Forget the codes sent to the phone and the failures counted by it."""
    index = member.phone_index
    if index is not None:
        OneTimeCode.objects.filter(phone_index=bytes(index)).delete()
        AccessAttempt.objects.filter(username=bytes(index).hex()).delete()


def _close(user: User) -> None:
    """Let nobody in any more."""
    user.set_unusable_password()
    user.display_name = user.email = ""
    user.is_active = False
    user.save()
