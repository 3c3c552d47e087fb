"""How does staff come to know who a patient is?"""

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q

from medbook.audit.choices import Action, Outcome
from medbook.audit.models import OperationLog
from medbook.audit.services import record_event
from medbook.encryption import BlindIndexField
from medbook.errors import Missing
from medbook.locks import Rung, lock, retry_on_conflict
from members.choices import IdentityKind, PatientState, Relation, Sex
from members.errors import (
    AlreadyVerified,
    IdentityMismatch,
    PatientInUse,
    ReasonMissing,
    ReasonTooShort,
    SamePatient,
    TooManyReveals,
)
from members.models import FamilyLink, Member, Patient, User
from members.rules import spelling
from members.selectors.patients import is_in_use
from members.selectors.people import Found, find_people

LEAST_REASON = 10  # characters: "curious" is none
MOST_REVEALS = 50  # in an hour, by one person: more than a busy desk needs
REVEALS_WITHIN = timedelta(hours=1)
MOST_NAMED = 100  # people found, in one row of the operation log
SEARCHED: BlindIndexField[str, str] = BlindIndexField(
    label="people_search.text", normalise=str.casefold
)


@dataclass(frozen=True)
class Identity:
    """Who a patient is, in clear: to be shown once, never kept."""

    name: str
    identity_number: str
    birth_date: date | None
    phone: str


@transaction.atomic(durable=True)
def search_people(*, text: str, by: User) -> list[Found]:
    """Find people by what they say of themselves.

    The operation log keeps an index of the text, by which equal searches are equal, and whom it
    led to; never the text.
    """
    found = find_people(text)
    uids = list(dict.fromkeys(str(each.patient.uid) for each in found))
    record_event(
        Action.PEOPLE_SEARCHED,
        by=by,
        facts={
            "index": SEARCHED.digest(text.strip()).hex(),
            "count": len(uids),
            "patients": uids[:MOST_NAMED],
        },
    )
    return found


@transaction.atomic(durable=True)
def register_patient(
    *, name: str, birth_date: date | None, sex: str, by: User, now: datetime
) -> Patient:
    """Put somebody without a document on record: a newborn, or a caller without an account.

    Nobody books for them online until a document is seen.
    """
    patient = Patient.objects.create(
        name=name, birth_date=birth_date, sex=sex or Sex.UNKNOWN, created_at=now
    )
    record_event(Action.PATIENT_REGISTERED, subject=patient, patient=patient, by=by)
    return patient


@retry_on_conflict
@transaction.atomic(durable=True)
def verify_patient(
    *,
    patient_uid: uuid.UUID,
    identity_kind: str = IdentityKind.RESIDENT_ID,
    identity_number: str,
    birth_date: date | None = None,
    by: User,
    now: datetime,
) -> Patient:
    """Note that staff has seen a patient's document, and return the patient it belongs to.

    `identity_number` is what the document shows, as rules.identity writes it. Where the record
    holds none, it is taken from the document, `birth_date` too; where another patient has that
    document already, they are the same person: whoever booked for the first may book for the
    second from now on.
    Raises: AlreadyVerified, IdentityMismatch.
    """
    patient, owner = _both(patient_uid, identity_kind, identity_number)
    if patient.state == PatientState.VERIFIED:
        raise AlreadyVerified()
    if patient.identity_number is not None:
        verified = _compared(patient, identity_kind, identity_number)
    elif owner is None:
        verified = _identified(patient, identity_kind, identity_number, birth_date)
    else:
        verified = _joined(patient, owner)
    verified.state = PatientState.VERIFIED
    verified.save()
    record_event(Action.PATIENT_VERIFIED, subject=patient, by=by, patient=verified)
    return verified


@retry_on_conflict
@transaction.atomic(durable=True)
def join_patients(
    *,
    patient_uid: uuid.UUID,
    identity_kind: str,
    identity_number: str,
    by: User,
    now: datetime,
) -> Patient:
    """Make one of two records whose documents staff has seen in one person's hand.

    The chosen record leads to that of `identity_number` from now on, with its links, missed
    visits and pauses. Raises: Missing, SamePatient, PatientInUse while the chosen one has visits.
    """
    patient, owner = _both(patient_uid, identity_kind, identity_number)
    if owner is None:
        own = patient.identity_kind, patient.identity_number and patient.identity_number.reveal()
        raise SamePatient() if own == (identity_kind, identity_number) else Missing()
    if is_in_use(None, patient, now):
        raise PatientInUse()
    joined = _joined(patient, owner)
    joined.state = PatientState.VERIFIED
    joined.save(update_fields=["state"])
    record_event(
        Action.PATIENTS_JOINED,
        subject=patient,
        by=by,
        patient=joined,
        facts={"from": str(patient.uid), "to": str(joined.uid)},
    )
    return joined


@retry_on_conflict
def reveal_identity(*, patient_uid: uuid.UUID, reason: str, by: User, now: datetime) -> Identity:
    """Open a patient's identity to staff; the operation log says so before it is opened.

    Raises: ReasonMissing, ReasonTooShort, TooManyReveals, which the log keeps as well.
    """
    if not reason.strip():
        raise ReasonMissing()
    if len(reason.strip()) < LEAST_REASON:
        raise ReasonTooShort(least=LEAST_REASON)
    with transaction.atomic(durable=True):  # a refusal leaves it: its row must be committed
        patient = Patient.objects.get(uid=patient_uid)
        is_too_much = _reveals(by, now) >= MOST_REVEALS
        record_event(
            Action.REVEALS_EXCEEDED if is_too_much else Action.IDENTITY_REVEALED,
            subject=patient,
            patient=patient,
            by=by,
            reason=reason.strip(),
            outcome=Outcome.DENIED if is_too_much else Outcome.OK,
        )
        shown = None if is_too_much else _identity(patient)
    if shown is None:
        raise TooManyReveals(retry_after=int(REVEALS_WITHIN.total_seconds()))
    return shown


def _reveals(by: User, now: datetime) -> int:
    """Count what somebody has opened within the hour; parallel requests wait for each other."""
    lock(User.objects.filter(pk=by.pk), Rung.MEMBER).get()
    rows = OperationLog.objects.filter(actor_uid=by.uid, action=Action.IDENTITY_REVEALED)
    return rows.filter(at__gt=now - REVEALS_WITHIN).count()


def _identity(patient: Patient) -> Identity:
    own = Member.objects.filter(links__patient=patient, links__relation=Relation.SELF)
    member = own.order_by("id").first()
    return Identity(
        name=patient.name.reveal() if patient.name else "",
        identity_number=patient.identity_number.reveal() if patient.identity_number else "",
        birth_date=patient.birth_date.reveal() if patient.birth_date else None,
        phone=member.phone.reveal() if member and member.phone else "",
    )


def _both(patient_uid: uuid.UUID, kind: str, number: str) -> tuple[Patient, Patient | None]:
    """Lock a patient, and whoever else a document belongs to, in the order of their ids."""
    document = Q(identity_kind=kind, identity_index=number)
    roots = Patient.objects.filter(document, joined_to__isnull=False).values("joined_to")
    rows = Patient.objects.filter(Q(uid=patient_uid) | document | Q(pk__in=roots))
    locked = list(lock(rows.order_by("id"), Rung.PATIENT))
    patient = next(row for row in locked if row.uid == patient_uid)
    others = [row for row in locked if row.uid != patient_uid and row.joined_to_id is None]
    return patient, next(iter(others), None)


def _compared(patient: Patient, kind: str, number: str) -> Patient:
    known = patient.identity_number
    if known is None or (patient.identity_kind, known.reveal()) != (kind, number):
        raise IdentityMismatch()
    return patient


def _identified(patient: Patient, kind: str, number: str, birth_date: date | None) -> Patient:
    patient.identity_kind = kind
    patient.identity_number = number
    if kind == IdentityKind.RESIDENT_ID:
        patient.birth_date = spelling.birth_date_of(number)
        patient.sex = spelling.sex_of(number)
    elif birth_date is not None:
        patient.birth_date = birth_date
    return patient


def _joined(patient: Patient, owner: Patient) -> Patient:
    """Lead a record to another, with all that others have said and noted of it."""
    known = FamilyLink.objects.filter(patient=owner).values("member")
    FamilyLink.objects.filter(patient=patient).exclude(member__in=known).update(patient=owner)
    patient.strikes.update(patient=owner)
    patient.suspensions.update(patient=owner)
    patient.joined.update(joined_to=owner)
    patient.joined_to = owner
    patient.save(update_fields=["joined_to"])
    return owner
