"""Who says that a member may book for a patient, and who takes that back?"""

import uuid
from datetime import datetime

from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import Rung, lock, retry_on_conflict
from members.choices import ConsentState, PatientState, Relation
from members.errors import IdentityMismatch, ReasonMissing
from members.models import FamilyLink, Member, Patient, User
from members.selectors.patients import known_patient, speakers
from members.services.messages import notify_member

PAGE = "patients/"


@retry_on_conflict
@transaction.atomic(durable=True)
def answer_consent(
    *,
    member: Member,
    link_uid: uuid.UUID,
    is_given: bool,
    may_see_records: bool = False,
    by: User,
    now: datetime,
) -> FamilyLink:
    """Let somebody else book for a patient whom the member speaks for, or stop them at once.

    Raises: Missing.
    """
    found = FamilyLink.objects.standing().filter(uid=link_uid).exclude(member=member).first()
    if found is None:
        raise Missing()
    patient = lock(Patient.objects.filter(pk=found.patient_id), Rung.PATIENT).get()
    if member.pk not in [link.member_id for link in speakers(patient, now)]:
        raise Missing()
    return _set_consent(found, is_given, may_see_records, "", by, now)


@retry_on_conflict
@transaction.atomic(durable=True)
def confirm_consent(
    *,
    link_uid: uuid.UUID,
    identity_kind: str,
    identity_number: str,
    may_see_records: bool = False,
    by: User,
    now: datetime,
) -> FamilyLink:
    """Note that a patient or guardian has agreed at the desk and shown the patient's document.

    Raises: Missing, IdentityMismatch.
    """
    found = _link_at_desk(link_uid)
    patient = lock(Patient.objects.filter(pk=found.patient_id), Rung.PATIENT).get()
    shown = known_patient(identity_kind, identity_number)
    if shown is None or shown.pk != patient.pk:
        raise IdentityMismatch()
    if patient.state != PatientState.VERIFIED:
        patient.state = PatientState.VERIFIED
        patient.save(update_fields=["state"])
        record_event(Action.PATIENT_VERIFIED, subject=patient, patient=patient, by=by)
    is_own = found.relation == Relation.SELF
    return _set_consent(found, True, may_see_records or is_own, "desk", by, now)


@retry_on_conflict
@transaction.atomic(durable=True)
def withdraw_consent(*, link_uid: uuid.UUID, reason: str, by: User, now: datetime) -> FamilyLink:
    """Stop a member from booking for a patient who, or whose guardian, has asked the desk.

    Raises: Missing, ReasonMissing.
    """
    if not reason.strip():
        raise ReasonMissing()
    found = _link_at_desk(link_uid)
    lock(Patient.objects.filter(pk=found.patient_id), Rung.PATIENT).get()
    return _set_consent(found, False, False, reason.strip(), by, now)


def _link_at_desk(link_uid: uuid.UUID) -> FamilyLink:
    link = FamilyLink.objects.standing().filter(uid=link_uid).first()
    if link is None:
        raise Missing()
    return link


def _set_consent(
    found: FamilyLink, is_given: bool, may_see_records: bool, reason: str, by: User, now: datetime
) -> FamilyLink:
    """Write the answer and tell the member; the patient's row is locked."""
    link = FamilyLink.objects.select_related("member", "patient").get(pk=found.pk)
    name = link.called
    link.consent = ConsentState.GIVEN if is_given else ConsentState.WITHDRAWN
    link.consent_at = now
    link.may_see_records = is_given and may_see_records
    link.save(update_fields=["consent", "consent_at", "may_see_records"])
    if link.relation != Relation.SELF:
        notify_member(
            member=link.member,
            kind="family_consent_given" if is_given else "family_consent_withdrawn",
            key=f"{link.uid}:{now.isoformat()}",
            facts={"name": name},
            path=PAGE,
            now=now,
        )
    act = Action.CONSENT_GIVEN if is_given else Action.CONSENT_WITHDRAWN
    record_event(act, subject=link, patient=link.patient, by=by, reason=reason)
    return link
