"""How does staff come to know a patient's identity?"""

import uuid
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, retry_on_conflict
from members.choices import IdentityKind, PatientState, Relation
from members.errors import AlreadyVerified, IdentityMismatch, ReasonMissing
from members.models import FamilyLink, Member, Patient, User
from members.rules import spelling


@dataclass(frozen=True)
class Identity:
    """Who a patient is, in clear: to be shown once, never kept."""

    name: str
    identity_number: str
    birth_date: date | None
    phone: str


@retry_on_conflict
@transaction.atomic(durable=True)
def verify_patient(
    *, patient_uid: uuid.UUID, identity_number: str, by: User, now: datetime
) -> Patient:
    """Note that staff has seen a patient's document, and return the patient it belongs to.

    `identity_number` is what the document shows, 18 characters. Where the record holds none, it
    is taken from the document; where another patient has that document already, they are the same
    person: whoever booked for the first may book for the second from now on.
    Raises: AlreadyVerified, IdentityMismatch.
    """
    rows = Patient.objects.filter(Q(uid=patient_uid) | Q(identity_index=identity_number))
    locked = list(lock(rows.order_by("id"), Rung.PATIENT))
    patient = next(row for row in locked if row.uid == patient_uid)
    owner = next((row for row in locked if row.uid != patient_uid), None)
    if patient.state == PatientState.VERIFIED:
        raise AlreadyVerified()
    if patient.identity_number is not None:
        verified = _compared(patient, identity_number)
    elif owner is None:
        verified = _identified(patient, identity_number)
    else:
        verified = _joined(patient, owner)
    verified.state = PatientState.VERIFIED
    verified.save()
    record_event(Action.PATIENT_VERIFIED, subject=patient, by=by, patient=verified)
    return verified


def _compared(patient: Patient, identity_number: str) -> Patient:
    number = patient.identity_number
    if number is None or number.reveal() != identity_number:
        raise IdentityMismatch()
    return patient


def _identified(patient: Patient, identity_number: str) -> Patient:
    patient.identity_kind = IdentityKind.RESIDENT_ID
    patient.identity_number = identity_number
    patient.birth_date = spelling.birth_date_of(identity_number)
    patient.sex = spelling.sex_of(identity_number)
    return patient


def _joined(patient: Patient, owner: Patient) -> Patient:
    known = FamilyLink.objects.filter(patient=owner).values("member")
    FamilyLink.objects.filter(patient=patient).exclude(member__in=known).update(patient=owner)
    return owner


@transaction.atomic(durable=True)
def reveal_identity(*, patient_uid: uuid.UUID, reason: str, by: User, now: datetime) -> Identity:
    """Open a patient's identity to staff; the operation log says so before it is opened.

    Raises: ReasonMissing.
    """
    if not reason.strip():
        raise ReasonMissing()
    patient = Patient.objects.get(uid=patient_uid)
    record_event(
        Action.IDENTITY_REVEALED, subject=patient, patient=patient, by=by, reason=reason.strip()
    )
    own = Member.objects.filter(links__patient=patient, links__relation=Relation.SELF)
    member = own.order_by("id").first()
    return Identity(
        name=patient.name.reveal() if patient.name else "",
        identity_number=patient.identity_number.reveal() if patient.identity_number else "",
        birth_date=patient.birth_date.reveal() if patient.birth_date else None,
        phone=member.phone.reveal() if member and member.phone else "",
    )
