"""What follows when a patient misses visits, and when staff excuses one?"""

import uuid
from datetime import datetime

from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, retry_on_conflict
from members.choices import ConsentState
from members.errors import AlreadyExcused, ReasonMissing
from members.models import FamilyLink, Member, Patient, Strike, Suspension, User
from members.rules import strikes as rules
from members.selectors.wording import Fact
from members.services.messages import notify_member
from members.services.suspensions import end

REASON = "missed_visits"
UNDONE = "undone"  # the excuse of what was no missed visit after all
PAGE = "patients/"


@transaction.atomic
def record_strike(
    *,
    patient_uid: uuid.UUID,
    reference: str,
    occurred_at: datetime,
    now: datetime,
    booked_by: Member | None = None,
) -> Strike:
    """Note in the caller's transaction that a patient missed a visit; the third pauses booking.

    `reference` names the visit, which is noted once, and again after it was undone. The pause is
    the patient's, whoever books; who booked may contest it.
    """
    patient = lock(Patient.objects.filter(uid=patient_uid), Rung.PATIENT).get()
    about = {"patient": patient, "occurred_at": occurred_at, "booked_by": booked_by}
    strike, is_new = Strike.objects.get_or_create(reference=reference, defaults=about)
    if not is_new and strike.excuse != UNDONE:
        return strike
    if not is_new:
        strike.excused_at, strike.excuse = None, ""
        strike.save(update_fields=["excused_at", "excuse"])
    record_event(Action.STRIKE_RECORDED, subject=strike, patient=patient)
    if _is_one_of_three(strike):
        suspension = Suspension.objects.create(
            patient=patient,
            starts_at=now,
            ends_at=now + rules.PAUSE,
            reason=REASON,
            caused_by=strike,
        )
        record_event(
            Action.PATIENT_SUSPENDED,
            subject=suspension,
            patient=patient,
            reason=REASON,
            facts={"until": suspension.ends_at.isoformat()},
        )
        _tell(patient, "booking_paused", suspension, now)
    return strike


@retry_on_conflict
@transaction.atomic(durable=True)
def excuse_strike(*, strike_uid: uuid.UUID, reason: str, by: User, now: datetime) -> Strike:
    """Let a missed visit not count, and end the pause that would not be without it.

    Raises: ReasonMissing, AlreadyExcused.
    """
    if not reason.strip():
        raise ReasonMissing()
    found = Strike.objects.get(uid=strike_uid)
    patient = lock(Patient.objects.filter(pk=found.patient_id), Rung.PATIENT).get()
    strike = Strike.objects.get(pk=found.pk)
    if strike.excused_at is not None:
        raise AlreadyExcused()
    excuse(strike, patient, reason=reason.strip(), by=by, now=now)
    return strike


@transaction.atomic
def withdraw_strike(*, reference: str, now: datetime) -> None:
    """Let a visit that was not missed after all not count, in the caller's transaction."""
    found = Strike.objects.filter(reference=reference).first()
    if found is None:
        return
    patient = lock(Patient.objects.filter(pk=found.patient_id), Rung.PATIENT).get()
    strike = Strike.objects.get(pk=found.pk)
    if strike.excused_at is None:
        excuse(strike, patient, reason=UNDONE, by=None, now=now)


def excuse(
    strike: Strike, patient: Patient, *, reason: str, by: User | None, now: datetime
) -> None:
    """Let a missed visit of a locked patient not count, and end the pause that it alone caused."""
    strike.excused_at = now
    strike.excuse = reason
    strike.save(update_fields=["excused_at", "excuse"])
    record_event(Action.STRIKE_EXCUSED, subject=strike, patient=patient, by=by, reason=reason)
    caused = patient.suspensions.running(now).filter(caused_by__isnull=False)
    for suspension in caused.select_related("caused_by"):
        if suspension.caused_by and not _is_one_of_three(suspension.caused_by):
            end(suspension, now)
            _tell(patient, "booking_resumed", suspension, now)


def _is_one_of_three(strike: Strike) -> bool:
    """Tell whether a missed visit, with those around it that count, pauses booking."""
    since = strike.occurred_at - rules.STRIKES_WITHIN
    counting = Strike.objects.filter(patient=strike.patient_id).counting(since)
    return rules.is_one_of_three(
        list(counting.values_list("occurred_at", flat=True)), strike.occurred_at
    )


def _tell(patient: Patient, kind: str, suspension: Suspension, now: datetime) -> None:
    """Tell the patient, and those who have the patient's consent."""
    links = FamilyLink.objects.standing().filter(patient=patient, consent=ConsentState.GIVEN)
    for link in links.select_related("member", "patient"):
        facts: dict[str, Fact] = {"name": link.called}
        if kind == "booking_paused":
            facts["until"] = suspension.ends_at
        notify_member(
            member=link.member,
            kind=kind,
            key=str(suspension.uid),
            facts=facts,
            path=PAGE,
            now=now,
        )
