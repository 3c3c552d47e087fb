"""How does a member say by which policy a patient is insured?"""

import uuid
from datetime import date, datetime

from django.db import transaction

from billing.errors import DocumentFirst, PolicyKnown, PolicyNotValid
from billing.models import InsurancePlan, InsurancePolicy
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import conflict_as, retry_on_conflict
from members.choices import ConsentPurpose
from members.models import FamilyLink, Member, User
from members.selectors.patients import own_entry
from members.services.booking_rights import lock_booker
from members.services.consents import require_consent


@retry_on_conflict
@transaction.atomic(durable=True)
def add_policy(
    *,
    member: Member,
    patient_uid: uuid.UUID,
    plan: InsurancePlan,
    number: str,
    valid_from: date,
    valid_to: date | None,
    by: User,
    now: datetime,
) -> InsurancePolicy:
    """Note that a patient of a member is insured; the member agrees to sensitive data being kept.

    Raises: Missing, ConsentMissing, DocumentFirst, PolicyKnown.
    """
    link = own_entry(member, patient_uid)
    locked, patient = lock_booker(member, link.patient)
    require_consent(locked, ConsentPurpose.SENSITIVE_DATA)
    if not patient.has_identity:
        raise DocumentFirst()
    policy = InsurancePolicy(
        patient=patient,
        plan=plan,
        number=number,
        valid_from=valid_from,
        valid_to=valid_to,
        added_by=locked,
        added_at=now,
    )
    with conflict_as({"one_standing_policy_per_plan_and_number": PolicyKnown}):
        policy.save(force_insert=True)
    record_event(
        Action.POLICY_ADDED, subject=policy, by=by, patient=patient, facts={"plan": plan.code}
    )
    return policy


@retry_on_conflict
@transaction.atomic(durable=True)
def end_policy(
    *,
    member: Member,
    patient_uid: uuid.UUID,
    policy_uid: uuid.UUID,
    by: User,
    now: datetime,
) -> InsurancePolicy:
    """End a policy; ended already, nothing changes. Its claims stay. Raises: Missing."""
    link = own_entry(member, patient_uid)
    lock_booker(member, link.patient)
    policy = InsurancePolicy.objects.seen_through(link).filter(uid=policy_uid).first()
    if policy is None or not may_end(policy, link, now):
        raise Missing()
    if policy.ended_at is None:
        policy.ended_at = now
        policy.save(update_fields=["ended_at"])
        record_event(Action.POLICY_ENDED, subject=policy, by=by, patient=link.patient)
    return policy


def may_end(policy: InsurancePolicy, link: FamilyLink, now: datetime) -> bool:
    """Tell whether a member may end a policy: who added it, or speaks for the patient."""
    return policy.added_by_id == link.member_id or link.speaks(now)


def policy_by(uid: uuid.UUID) -> InsurancePolicy:
    """Find a policy with its plan. Raises: PolicyNotValid."""
    policy = InsurancePolicy.objects.select_related("plan").filter(uid=uid).first()
    if policy is None:
        raise PolicyNotValid()
    return policy
