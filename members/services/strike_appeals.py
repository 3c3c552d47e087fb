"""How is a missed visit contested, and how does the clinic answer?"""

import uuid
from datetime import datetime

from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import Rung, conflict_as, lock, retry_on_conflict
from members.choices import AppealState
from members.errors import AlreadyAppealed, AlreadyDecided, AlreadyExcused, ReasonMissing
from members.models import Member, Patient, Strike, StrikeAppeal, User
from members.selectors.strikes import own_strike, strike_page
from members.services.messages import notify_member
from members.services.strikes import excuse


@retry_on_conflict
@transaction.atomic(durable=True)
def contest_strike(
    *, member: Member, strike_uid: uuid.UUID, note: str, by: User, now: datetime
) -> StrikeAppeal:
    """Say once why a missed visit should not count.

    Raises: Missing for a stranger's, ReasonMissing, AlreadyExcused, AlreadyAppealed.
    """
    if not note.strip():
        raise ReasonMissing()
    found = own_strike(member, strike_uid)
    lock(Patient.objects.filter(pk=found.patient_id), Rung.PATIENT).get()
    strike = Strike.objects.get(pk=found.pk)
    if strike.excused_at is not None:
        raise AlreadyExcused()
    with conflict_as({"members_strikeappeal_strike_id_key": AlreadyAppealed}):
        appeal = StrikeAppeal.objects.create(
            strike=strike, member=member, note=note.strip(), created_at=now
        )
    record_event(Action.STRIKE_APPEALED, subject=appeal, patient=found.patient, by=by)
    return appeal


@retry_on_conflict
@transaction.atomic(durable=True)
def accept_appeal(
    *, appeal_uid: uuid.UUID, answer: str = "", by: User, now: datetime
) -> StrikeAppeal:
    """Let the missed visit not count, and tell the member. Raises: AlreadyDecided, Missing."""
    appeal, patient = _locked(appeal_uid)
    if appeal.strike.excused_at is None:
        excuse(appeal.strike, patient, reason="appeal", by=by, now=now)
    return _decide(appeal, patient, AppealState.ACCEPTED, answer, by, now)


@retry_on_conflict
@transaction.atomic(durable=True)
def refuse_appeal(*, appeal_uid: uuid.UUID, answer: str, by: User, now: datetime) -> StrikeAppeal:
    """Let the missed visit count, and tell the member why.

    Raises: ReasonMissing, AlreadyDecided, Missing.
    """
    if not answer.strip():
        raise ReasonMissing()
    appeal, patient = _locked(appeal_uid)
    return _decide(appeal, patient, AppealState.REFUSED, answer, by, now)


def _locked(uid: uuid.UUID) -> tuple[StrikeAppeal, Patient]:
    rows = StrikeAppeal.objects.select_related("strike", "member__user").filter(uid=uid)
    found = rows.first()
    if found is None:
        raise Missing()
    patient = lock(Patient.objects.filter(pk=found.strike.patient_id), Rung.PATIENT).get()
    appeal = rows.get()
    if appeal.state != AppealState.OPEN:
        raise AlreadyDecided()
    return appeal, patient


def _decide(
    appeal: StrikeAppeal,
    patient: Patient,
    state: AppealState,
    answer: str,
    by: User,
    now: datetime,
) -> StrikeAppeal:
    appeal.state = state
    appeal.answer = answer.strip() or None
    appeal.decided_at = now
    appeal.save(update_fields=["state", "answer", "decided_at"])
    record_event(
        Action.STRIKE_APPEAL_DECIDED, subject=appeal, patient=patient, by=by, reason=state.value
    )
    notify_member(
        member=appeal.member,
        kind=f"strike_appeal_{state.value}",
        key=str(appeal.uid),
        facts={"when": appeal.strike.occurred_at},
        path=strike_page(appeal.strike),
        now=now,
    )
    return appeal
