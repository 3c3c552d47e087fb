"""How does a member come to book for somebody, and who can say no?"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import ProtectedError

from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, conflict_as, lock, retry_on_conflict
from members.choices import ConsentState, Relation
from members.errors import (
    AlreadyYourPatient,
    DocumentAtDesk,
    DocumentKnown,
    GuardianMissing,
    OwnPatient,
    PatientInUse,
    PlacesCoolingDown,
    TooManyPatients,
)
from members.models import FamilyLink, Member, Patient, User
from members.rules import family
from members.rules.identity import Document
from members.selectors.patients import (
    is_in_use,
    known_patient,
    own_entry,
    own_link,
    places,
    speakers,
)
from members.services.messages import notify_member

PAGE = "patients/"


@dataclass(frozen=True)
class Described:
    """What a member says of somebody to book for."""

    name: str
    document: Document
    relation: str
    contact_phone: str = ""
    is_guardian: bool = False


@retry_on_conflict
@transaction.atomic(durable=True)
def add_patient(*, member: Member, said: Described, by: User, now: datetime) -> FamilyLink:
    """Let a member book for somebody, oneself included.

    Somebody already on record is linked, all others get a row; what follows looks the same, so
    that nobody learns whose documents are known.
    Raises: AlreadyYourPatient, TooManyPatients, PlacesCoolingDown, GuardianMissing,
    DocumentAtDesk.
    """
    locked = lock(Member.objects.filter(pk=member.pk), Rung.MEMBER).get()
    if said.relation == Relation.SELF:
        return _complete_own(locked, said, by, now)
    is_minor = family.is_minor(said.document.birth_date, clock.site_date(now))
    if is_minor and not said.is_guardian:
        raise GuardianMissing()
    patient, is_new = _person(said.name, said.document, now)
    earlier = FamilyLink.objects.filter(member=locked, patient=patient).first()
    if earlier is not None and earlier.removed_at is None:
        raise AlreadyYourPatient()
    _require_place(locked, earlier, now)
    link = earlier or FamilyLink(member=locked, created_at=now)
    link.relation = Relation(said.relation)
    _describe(link, patient, said, now)
    link.save()
    _tell_speakers(link, now)
    record_event(
        Action.PATIENT_ADDED,
        subject=link,
        patient=patient,
        by=by,
        reason="" if is_new else DocumentKnown.code,
    )
    return link


@retry_on_conflict
@transaction.atomic(durable=True)
def give_document(
    *,
    member: Member,
    patient_uid: uuid.UUID,
    name: str,
    document: Document,
    by: User,
    now: datetime,
) -> FamilyLink:
    """Name the document of a patient of one's own who has none on record.

    Raises: Missing, AlreadyYourPatient, DocumentAtDesk.
    """
    locked = lock(Member.objects.filter(pk=member.pk), Rung.MEMBER).get()
    link = own_entry(locked, patient_uid)
    said = Described(name=name, document=document, relation=link.relation)
    return _give_document(link, said, by, now)


@retry_on_conflict
@transaction.atomic(durable=True)
def change_patient(
    *, member: Member, patient_uid: uuid.UUID, by: User, now: datetime, **wanted: str
) -> FamilyLink:
    """Change `label`, `relation` and `contact_phone` of somebody in a member's list.

    Raises: Missing, OwnPatient for another relation to oneself.
    """
    locked = lock(Member.objects.filter(pk=member.pk), Rung.MEMBER).get()
    link = own_entry(locked, patient_uid)
    relation = wanted.get("relation", link.relation)
    if relation != link.relation and Relation.SELF in (relation, link.relation):
        raise OwnPatient()
    link.relation = Relation(relation)
    if label := wanted.get("label"):
        link.label = label
    if "contact_phone" in wanted:
        link.contact_phone = wanted["contact_phone"] or None
    link.save(update_fields=["relation", "label", "contact_phone"])
    record_event(
        Action.PATIENT_CHANGED, subject=link, patient=link.patient, by=by, changed=sorted(wanted)
    )
    return link


@retry_on_conflict
@transaction.atomic(durable=True)
def remove_patient(*, member: Member, patient_uid: uuid.UUID, by: User, now: datetime) -> None:
    """End a link; the patient's own row stays. Whoever books waits for the same locks.

    Raises: Missing, OwnPatient, PatientInUse.
    """
    locked = lock(Member.objects.filter(pk=member.pk), Rung.MEMBER).get()
    link = own_entry(locked, patient_uid)
    if link.relation == Relation.SELF:
        raise OwnPatient()
    patient = lock(Patient.objects.filter(pk=link.patient_id), Rung.PATIENT).get()
    if is_in_use(locked, patient, now):
        raise PatientInUse()
    link.removed_at = now
    link.may_see_records = False
    link.save(update_fields=["removed_at", "may_see_records"])
    record_event(Action.PATIENT_REMOVED, subject=link, patient=patient, by=by)


def link_oneself(*, member: Member, said: Described, now: datetime) -> tuple[FamilyLink, bool]:
    """Link a member to the person that they say they are; tell whether nobody had that document.

    In the caller's transaction. Raises: AlreadyYourPatient, TooManyPatients, PlacesCoolingDown.
    """
    patient, is_new = _person(said.name, said.document, now)
    if FamilyLink.objects.filter(member=member, patient=patient).exists():
        raise AlreadyYourPatient()
    _require_place(member, None, now)
    link = FamilyLink(member=member, relation=Relation.SELF, created_at=now)
    _describe(link, patient, said, now)
    link.consent = ConsentState.GIVEN if is_new else ConsentState.DECLARED
    link.save()
    _tell_speakers(link, now)
    return link, is_new


def _complete_own(member: Member, said: Described, by: User, now: datetime) -> FamilyLink:
    link = own_link(member)
    if link is not None:
        return _give_document(link, said, by, now)
    link, is_new = link_oneself(member=member, said=said, now=now)
    record_event(
        Action.PATIENT_ADDED,
        subject=link,
        patient=link.patient,
        by=by,
        reason="" if is_new else DocumentKnown.code,
    )
    return link


def _give_document(link: FamilyLink, said: Described, by: User, now: datetime) -> FamilyLink:
    """Move a link from a row without document and history to the row of a document."""
    if link.patient.has_identity:
        raise AlreadyYourPatient()
    empty = link.patient
    patient, is_new = _person(said.name, said.document, now)
    if FamilyLink.objects.filter(member=link.member, patient=patient).exists():
        raise AlreadyYourPatient()
    _describe(link, patient, said, now)
    is_own = link.relation == Relation.SELF
    link.consent = ConsentState.GIVEN if is_own and is_new else ConsentState.DECLARED
    link.save()
    try:
        empty.delete()  # the database knows what else speaks of it
    except ProtectedError as used:
        raise DocumentAtDesk() from used
    _tell_speakers(link, now)
    record_event(
        Action.PATIENT_CHANGED,
        subject=link,
        patient=patient,
        by=by,
        changed=["identity_number"],
        reason="" if is_new else DocumentKnown.code,
    )
    return link


def _person(name: str, document: Document, now: datetime) -> tuple[Patient, bool]:
    """Find the person whom a document belongs to, or make a row; tell whether it is new."""
    if known := known_patient(document.kind, document.number):
        return known, False
    try:
        with conflict_as({"one_patient_per_identity": DocumentKnown}):
            patient = Patient.objects.create(
                name=name or None,
                identity_kind=document.kind,
                identity_number=document.number,
                birth_date=document.birth_date,
                sex=document.sex,
                created_at=now,
            )
            return patient, True
    except DocumentKnown:  # made by somebody else a moment ago
        known = known_patient(document.kind, document.number)
        if known is None:
            raise
        return known, False


def _describe(link: FamilyLink, patient: Patient, said: Described, now: datetime) -> None:
    """Write down what a member said. A consent that was withdrawn stays withdrawn."""
    link.patient = patient
    link.label = said.name
    link.identity_kind = said.document.kind
    link.identity_number = said.document.number
    link.birth_date = said.document.birth_date
    link.contact_phone = said.contact_phone or link.contact_phone
    link.removed_at = None
    link.may_see_records = False
    if link.consent != ConsentState.WITHDRAWN:
        link.consent = ConsentState.DECLARED
    link.consent_at = now


def _require_place(member: Member, earlier: FamilyLink | None, now: datetime) -> None:
    left = places(member, now, besides=earlier)
    if left.next_at is not None:
        raise PlacesCoolingDown(until=left.next_at)
    if not left.is_free:
        raise TooManyPatients(limit=left.most)


def _tell_speakers(link: FamilyLink, now: datetime) -> None:
    """Tell those whose word counts that somebody wants to book."""
    for speaker in speakers(link.patient, now):
        if speaker.pk != link.pk:
            notify_member(
                member=speaker.member,
                kind="family_link_added",
                key=f"{link.uid}:{now.isoformat()}",
                facts={"name": speaker.called},
                path=PAGE,
                now=now,
            )
