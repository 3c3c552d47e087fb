"""How does insurance change what a visit costs, now and when the insurer has answered?"""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

from django.db import transaction

from appointments.choices import AppointmentState
from appointments.models import Appointment
from appointments.selectors.terms import agreed_price
from appointments.services.access import lock_with_place
from billing.choices import ClaimState
from billing.errors import PolicyNotValid, VisitNotCovered
from billing.models import Claim, InsurancePolicy
from billing.rules.prices import NOTHING, Quote
from billing.selectors import last_used
from billing.services.claims import Cover, covered
from billing.services.repricing import ask_for_rest
from medbook import clock
from medbook.locks import retry_on_conflict
from members.models import FamilyLink, Patient
from members.selectors.people import patient_links
from scheduling.models import Schedule

COMES_ABOUT = (
    AppointmentState.BOOKED,
    AppointmentState.ARRIVED,
    AppointmentState.IN_CONSULTATION,
    AppointmentState.COMPLETED,
)


def require_own_policy(policy: InsurancePolicy, appointment: Appointment) -> None:
    """Refuse a policy that the booker may not see. Raises: PolicyNotValid."""
    link = patient_links(appointment.member).filter(patient=appointment.patient).first()
    if link is None or policy not in InsurancePolicy.objects.seen_through(link):
        raise PolicyNotValid()


def usable_policies(schedule: Schedule, link: FamilyLink | None) -> list[InsurancePolicy]:
    """List by which policies a visit can be insured, if it is for this patient (one query)."""
    if link is None:
        return []
    rows = InsurancePolicy.objects.valid_on(schedule.service_date).seen_through(link)
    visit_type = schedule.visit_type.code
    return [
        policy
        for policy in rows.select_related("plan", "patient").order_by("id")
        if visit_type not in policy.plan.uncovered
    ]


def wished_policy(said: str | None, policies: Sequence[InsurancePolicy]) -> InsurancePolicy | None:
    """Tell which policy is to bear a visit: that of last time, unless something is said."""
    by_uid = {str(policy.uid): policy for policy in policies}
    if said == "" or said in by_uid:
        return by_uid.get(said)
    return last_used(policies)


def insurable(price: Quote, policy: InsurancePolicy | None) -> Quote:
    """Leave the tier's discount out where statutory insurance bears a part: the law has it so."""
    return price.undiscounted() if policy and policy.plan.is_statutory else price


def insured(
    price: Quote,
    appointment: Appointment,
    policy: InsurancePolicy | None,
    schedule: Schedule | None = None,
) -> tuple[Quote, Cover | None]:
    """Let an insurer bear its share of a visit, at its place or at another one.

    The sums of the year hold while the patient is locked. Raises: PolicyNotValid, VisitNotCovered.
    """
    if policy is None:
        return price, None
    schedule = schedule or appointment.slot.schedule
    return _borne(price, policy, schedule, appointment.patient, appointment.subject)


def shown_insured(
    price: Quote, policy: InsurancePolicy | None, schedule: Schedule, subject: str = ""
) -> Quote:
    """Show what an insurer would bear; where the policy does not hold, booking will say so."""
    if policy is None:
        return price
    with suppress(PolicyNotValid, VisitNotCovered):
        price, _cover = _borne(price, policy, schedule, policy.patient, subject)
    return price


def _borne(
    price: Quote,
    policy: InsurancePolicy,
    schedule: Schedule,
    patient: Patient,
    subject: str,
) -> tuple[Quote, Cover | None]:
    if price.is_free_return:
        return price, None
    return covered(
        price,
        policy,
        patient=patient,
        day=schedule.service_date,
        visit_type=schedule.visit_type.code,
        subject=subject,
    )


def policy_of(appointment: Appointment) -> InsurancePolicy | None:
    """Find by which policy a visit is insured, or was when it was given up (one query)."""
    claims = Claim.objects.filter(invoice__subject=appointment.subject)
    claim = claims.select_related("policy__plan").order_by("-id").first()
    return claim.policy if claim else None


def insure_again(appointment: Appointment) -> Cover | None:
    """Quote anew what was given up with an unpaid invoice, and put the price onto the visit.

    The patient is locked. By a policy that holds no more, nothing is borne.
    """
    if Claim.objects.live().filter(invoice__subject=appointment.subject).exists():
        return None
    price, cover = agreed_price(appointment).with_insurance(NOTHING, ""), None
    with suppress(PolicyNotValid, VisitNotCovered):
        price, cover = insured(price, appointment, policy_of(appointment))
    if price.insured != appointment.insured:
        appointment.insured, appointment.price = price.insured, price.total
        appointment.save(update_fields=["insured", "price"])
    return cover


@retry_on_conflict
@transaction.atomic
def ask_for_unborne(*, subject: str, claim_uid: str) -> None:
    """Ask the member for what the insurer does not bear after all, once.

    Of a visit that was missed only the price is put right; one that came to nothing asks for
    nothing.
    """
    claim = Claim.objects.get(uid=uuid.UUID(claim_uid))
    uid = uuid.UUID(subject.removeprefix("appointment:"))
    rows = Appointment.objects.select_related("member__tier", "slot").filter(uid=uid)
    appointment, _slot = lock_with_place(rows)
    claim.refresh_from_db()
    amount = appointment.insured - (claim.accepted or Decimal(0))
    is_cut = claim.state in (ClaimState.PART_ACCEPTED, ClaimState.REJECTED)
    stands = appointment.state in (*COMES_ABOUT, AppointmentState.NO_SHOW)
    if not (is_cut and amount and stands):
        return
    appointment.insured -= amount
    appointment.price += amount
    appointment.sequence += 1
    appointment.save(update_fields=["insured", "price", "sequence"])
    if appointment.state in COMES_ABOUT:
        ask_for_rest(
            member=appointment.member,
            subject=subject,
            purpose="appointment",
            amount=amount,
            quote=agreed_price(appointment),
            part=appointment.sequence,
            now=clock.now(),
        )
