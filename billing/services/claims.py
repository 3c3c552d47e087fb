"""How is an insurer asked to bear its part, and how is that taken back?

A claim is marked as submitted before its insurer hears of it, and no network is asked inside a
transaction. Order of the steps, and what each crash leaves behind: docs/flows/insurance.md.
"""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import structlog
from django.db import transaction

from billing.choices import ClaimState
from billing.errors import PolicyNotValid, VisitNotCovered
from billing.gateways.base import GatewayAway, GatewayRefused
from billing.insurers.base import ClaimNews, ClaimOrder, Outcome
from billing.insurers.registry import enabled, insurer_of
from billing.models import Claim, InsurancePolicy, Invoice
from billing.rules.insurance import insurer_share
from billing.rules.prices import Quote
from billing.rules.waiting import next_attempt_at
from billing.services.journal import post_claim_back, post_claim_cut
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import Rung, lock, require_transaction, retry_on_conflict
from medbook.outbox import services as outbox
from members.models import Patient, User

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Cover:
    """By which policy an insurer bears a part, and what of the year's deductible that uses up."""

    policy: InsurancePolicy
    year: int
    deducted: Decimal


@dataclass(frozen=True)
class _Word:
    """What an insurer is to hear of a claim, and whether it may have heard of it before."""

    insurer: str
    order: ClaimOrder
    is_again: bool
    is_reversal: bool


def covered(
    price: Quote,
    policy: InsurancePolicy,
    *,
    patient: Patient,
    day: date,
    visit_type: str,
    subject: str,
) -> tuple[Quote, Cover]:
    """Let an insurer bear its part of a price; what the same subject has claimed does not count.

    The sums of the year hold while the patient is locked. Raises: PolicyNotValid, VisitNotCovered.
    """
    valid = InsurancePolicy.objects.valid_on(day).select_related("plan")
    standing = valid.filter(pk=policy.pk, patient=patient).first()
    if standing is None:
        raise PolicyNotValid()
    plan = standing.plan
    if visit_type in plan.uncovered:
        raise VisitNotCovered()
    others = Claim.objects.exclude(invoice__subject=subject)
    used = others.used(plan, patient, day.year)
    share = insurer_share(price.insurable, plan.terms, used)
    cover = Cover(standing, day.year, share.deducted)
    return price.with_insurance(share.borne, plan.name), cover


def quote_claim(
    cover: Cover, invoice: Invoice, share: Decimal, by: User | None, now: datetime
) -> Claim:
    """Write down what an insurer is to bear of an invoice, in the caller's transaction."""
    require_transaction()
    claim = Claim.objects.create(
        policy=cover.policy,
        invoice=invoice,
        year=cover.year,
        deducted=cover.deducted,
        quoted=share,
        quoted_at=now,
    )
    _record(Action.CLAIM_QUOTED, claim, by)
    return claim


def give_back_claim(invoice: Invoice, by: User | None, now: datetime) -> None:
    """Take back all that an insurer bears of a locked invoice, which itself stays."""
    claim = take_back_claim(invoice, by, now)
    if claim is not None and invoice.paid_at is not None:
        post_claim_back(claim, now, by)


def take_back_claim(invoice: Invoice, by: User | None, now: datetime) -> Claim | None:
    """Reverse the live claim of a locked invoice; an insurer that may know of it will be told."""
    claim = Claim.objects.live().select_related("policy__plan").filter(invoice=invoice).first()
    if claim is None:
        return None
    is_to_tell = claim.state not in (ClaimState.QUOTED, ClaimState.REJECTED)
    claim.invoice = invoice
    claim.move_to(ClaimState.REVERSED)
    claim.reversed_at = now
    claim.next_attempt_at = now if is_to_tell else None
    claim.attempts = 0
    claim.save()
    _record(Action.CLAIM_REVERSED, claim, by)
    return claim


def send_due_claims(*, now: datetime) -> int:
    """Tell insurers what they are to hear by now; tell how many claims that was."""
    due = Claim.objects.due(now).filter(policy__plan__insurer__in=enabled()).order_by("id")
    uids = list(due.values_list("uid", flat=True)[:200])
    return sum(send_claim(claim_uid=uid, now=now) for uid in uids)


def send_claim(*, claim_uid: uuid.UUID, now: datetime) -> bool:
    """Submit a claim, ask about it again, or tell that it is reversed; tell whether that was due.

    First the mark, then the call, then the answer: whatever is lost between them, the next round
    says the same again with the same number.
    """
    word = _mark_sent(claim_uid, now)
    if word is None:
        return False
    try:
        news = _told(word)
    except GatewayAway:
        log.warning("claim.unanswered", insurer=word.insurer)
        return True
    except GatewayRefused as refusal:
        outcome = Outcome.REVERSED if word.is_reversal else Outcome.REJECTED
        news = ClaimNews(word.order.number, outcome, message=refusal.why)
    note_claim_news(news=news, now=now)
    return True


@retry_on_conflict
@transaction.atomic(durable=True)
def note_claim_news(*, news: ClaimNews, now: datetime) -> None:
    """Take in what an insurer says of a claim; news that is old or does not fit changes nothing."""
    claim = _locked(uuid.UUID(hex=news.number))
    if claim.state == ClaimState.REVERSED:
        if news.outcome == Outcome.REVERSED:
            claim.next_attempt_at = None
            claim.message = news.message[:200]
            claim.save(update_fields=["message", "next_attempt_at"])
        return  # else an answer that has crossed the reversal, which is still to be told
    if claim.state != ClaimState.SUBMITTED or news.outcome == Outcome.PENDING:
        return
    accepted = news.accepted if news.outcome == Outcome.ACCEPTED else Decimal(0)
    is_foreign = accepted > 0 and news.currency != claim.invoice.currency
    if is_foreign or not 0 <= accepted <= claim.quoted:
        log.error("claim.misfit", claim=claim.reference)
        return
    _answer(claim, accepted, news, now)


def _told(word: _Word) -> ClaimNews:
    insurer = insurer_of(word.insurer)
    if word.is_reversal:
        return insurer.reverse(word.order.number)
    known = insurer.query(word.order.number) if word.is_again else None
    return known or insurer.claim(word.order)


@retry_on_conflict
@transaction.atomic(durable=True)
def _mark_sent(uid: uuid.UUID, now: datetime) -> _Word | None:
    """Mark a due claim as said; None where another worker was quicker or it is over."""
    claim = _locked(uid)
    if not Claim.objects.due(now).filter(pk=claim.pk).exists():
        return None
    is_again = claim.state != ClaimState.QUOTED
    if not is_again:
        claim.move_to(ClaimState.SUBMITTED)
        claim.submitted_at = now
        _record(Action.CLAIM_SUBMITTED, claim, None)
    claim.next_attempt_at = next_attempt_at(claim.attempts, now)
    claim.attempts += 1
    claim.save(update_fields=["attempts", "next_attempt_at", "state", "submitted_at"])
    number = claim.policy.number
    order = ClaimOrder(
        number=claim.number,
        policy=number.reveal() if number else "",
        amount=claim.quoted,
        currency=claim.invoice.currency,
        reference=claim.invoice.reference,
    )
    is_reversal = claim.state == ClaimState.REVERSED
    return _Word(claim.policy.plan.insurer, order, is_again, is_reversal)


def _answer(claim: Claim, accepted: Decimal, news: ClaimNews, now: datetime) -> None:
    if accepted == claim.quoted:
        state = ClaimState.ACCEPTED
    else:
        state = ClaimState.PART_ACCEPTED if accepted else ClaimState.REJECTED
    claim.move_to(state)
    claim.accepted = accepted
    claim.answered_at = news.at or now
    claim.next_attempt_at = None
    claim.transaction = news.transaction[:64]
    claim.message = news.message[:200]
    claim.save()
    _record(Action.CLAIM_ANSWERED, claim, None)
    if accepted < claim.quoted:
        post_claim_cut(claim, now)
        subject = claim.invoice.subject
        outbox.add("claim.cut", key=claim.uid, subject=subject, claim_uid=claim.uid)


def _locked(uid: uuid.UUID) -> Claim:
    """Lock the invoice of a claim, under which claims change. Raises: Missing."""
    rows = Claim.objects.select_related("policy__plan").filter(uid=uid)
    known = rows.first()
    if known is None:
        raise Missing()
    invoice = lock(Invoice.objects.filter(pk=known.invoice_id), Rung.INVOICE).get()
    claim = rows.get()
    claim.invoice = invoice
    return claim


def _record(action: Action, claim: Claim, by: User | None) -> None:
    facts = {
        "invoice": claim.invoice.reference,
        "about": claim.invoice.subject,
        "asked": str(claim.quoted),
        "borne": str(claim.borne),
        "state": str(claim.state),
    }
    record_event(action, subject=claim, by=by, facts=facts)
