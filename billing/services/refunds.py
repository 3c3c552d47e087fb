"""How does money go back?

What asks for it runs in the caller's transaction; approving, sending and handing over are acts of
their own. A refund is sent with one number for ever, so that sending it again gives back once.
"""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Sum

from billing.choices import InvoiceState, RefundReason, RefundState
from billing.errors import RefundExceedsPayment, SecondPersonRequired, WrongState
from billing.gateways.base import (
    GatewayAway,
    GatewayRefused,
    Outcome,
    PaymentGateway,
    RefundNews,
    RefundOrder,
)
from billing.gateways.registry import gateway_of, notify_url
from billing.models import Invoice, Payment, Refund
from billing.rules.prices import share_of
from billing.rules.waiting import next_attempt_at
from billing.services.claims import give_back_claim
from billing.services.invoices import locked_invoices, void
from billing.services.journal import post_refund
from billing.services.requesting import facts_of, left_of, request_refund
from medbook import money
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import DomainError, Missing
from medbook.locks import Rung, lock, require_transaction, retry_on_conflict
from medbook.outbox import services as outbox
from members.models import User

log = structlog.get_logger(__name__)


def give_up_invoice(
    *, subject: str, percent: int, reason: RefundReason, by: User | None, now: datetime
) -> list[Refund]:
    """Void what is not paid yet; of what is paid, ask for so many per cent to be given back.

    All parts of what is asked for the subject, and all of what an insurer bears. Asking again for
    the same reason changes nothing.
    """
    require_transaction()
    refunds = []
    for invoice in locked_invoices(subject):
        payment = captured(invoice)
        if payment is None:
            void(invoice, by, now)
            continue
        give_back_claim(invoice, by, now)
        if amount := share_of(left_of(payment), percent):
            refunds.append(
                request_refund(payment=payment, amount=amount, reason=reason, by=by, now=now)
            )
    return refunds


def give_back(
    *,
    payments: Iterable[Payment],
    amount: Decimal,
    reason: RefundReason,
    key: str,
    by: User | None,
    now: datetime,
) -> list[Refund]:
    """Ask for an amount to be given back, of the first payments first; invoices are locked."""
    refunds = []
    for payment in payments:
        part = min(amount, left_of(payment))
        if part > 0:
            refunds.append(
                request_refund(payment=payment, amount=part, reason=reason, by=by, now=now, key=key)
            )
            amount -= part
    return refunds


def captured(invoice: Invoice) -> Payment | None:
    """Find the money that pays an invoice."""
    return invoice.payments.captured().first()


@retry_on_conflict
@transaction.atomic(durable=True)
def refund_payment(
    *, payment_uid: uuid.UUID, amount: Decimal, key: str, by: User, now: datetime
) -> Refund:
    """Give back a part of a payment as goodwill of the clinic; the same key asks once.

    Raises: RefundExceedsPayment, WrongState, Missing.
    """
    payment = _locked_payment(Payment.objects.filter(uid=payment_uid).first())
    if payment.captured_at is None:
        raise WrongState(state=payment.get_state_display())
    earlier = payment.refunds.filter(idempotency_key=key).first()
    if earlier is not None:
        return earlier
    most = left_of(payment)
    if not 0 < amount <= most:
        raise RefundExceedsPayment(most=money.shown(most, payment.currency))
    return request_refund(
        payment=payment, amount=amount, reason=RefundReason.GOODWILL, by=by, now=now, key=key
    )


@retry_on_conflict
@transaction.atomic(durable=True)
def approve_refund(*, refund_uid: uuid.UUID, by: User, now: datetime) -> Refund:
    """Let a refund above the limit go, as a second person; or send a failed one again.

    Raises: SecondPersonRequired, RefundExceedsPayment, WrongState, Missing.
    """
    refund = _locked_refund(refund_uid)
    if refund.state not in (RefundState.REQUESTED, RefundState.FAILED) or _waits_at_desk(refund):
        raise WrongState(state=refund.get_state_display())
    if refund.amount > settings.REFUND_LIMIT and refund.requested_by_id == by.pk:
        raise SecondPersonRequired()
    if refund.state == RefundState.FAILED and left_of(refund.payment) < refund.amount:
        most = left_of(refund.payment)
        raise RefundExceedsPayment(most=money.shown(most, refund.currency))
    is_at_desk = refund.payment.is_at_desk
    refund.state = RefundState.REQUESTED if is_at_desk else RefundState.APPROVED
    refund.approved_at = now
    refund.approved_by = by if refund.requested_by_id != by.pk else None
    refund.next_attempt_at = None if is_at_desk else now
    refund.message = ""
    refund.save()
    _record(Action.REFUND_APPROVED, refund, by)
    if not is_at_desk:
        outbox.add("refund.approved", key=f"{refund.uid}:{now.isoformat()}", refund_uid=refund.uid)
    return refund


@dataclass(frozen=True)
class Decision:
    """What became of one refund among several: approved, or why not."""

    refund: Refund
    refusal: DomainError | None = None


def approve_refunds(
    *, refund_uids: Collection[uuid.UUID], by: User, now: datetime
) -> list[Decision]:
    """Approve refunds one by one; what one refuses does not stop the others."""
    decisions = []
    for refund in Refund.objects.filter(uid__in=refund_uids).order_by("requested_at", "id"):
        try:
            approved = approve_refund(refund_uid=refund.uid, by=by, now=now)
        except DomainError as refusal:
            decisions.append(Decision(refund, refusal))
        else:
            decisions.append(Decision(approved))
    return decisions


@retry_on_conflict
@transaction.atomic(durable=True)
def hand_back_refund(*, refund_uid: uuid.UUID, by: User, now: datetime) -> Refund:
    """Note that money was given back at the desk.

    Raises: SecondPersonRequired, WrongState, Missing.
    """
    refund = _locked_refund(refund_uid)
    if refund.state != RefundState.REQUESTED or not refund.payment.is_at_desk:
        raise WrongState(state=refund.get_state_display())
    if refund.amount > settings.REFUND_LIMIT and refund.approved_at is None:
        raise SecondPersonRequired()
    _settle(refund, by, now, now)
    return refund


def send_due_refunds(*, now: datetime) -> int:
    """Send the refunds that are approved, and again those without an answer; tell how many."""
    due = Refund.objects.filter(next_attempt_at__lte=now).order_by("next_attempt_at")
    return sum(send_refund(refund_uid=uid, now=now) for uid in due.values_list("uid", flat=True))


def send_refund(*, refund_uid: uuid.UUID, now: datetime) -> bool:
    """Ask the gateway to give a refund back; tell whether it was asked.

    First the mark that it is sent, then the call, then the answer: whatever is lost between them,
    the next round asks again with the same number.
    """
    marked = _mark_sent(refund_uid, now)
    if marked is None:
        return False
    code, order, is_again = marked
    try:
        news = _asked(gateway_of(code), order, is_again)
    except GatewayAway:
        log.warning("refund.unanswered", gateway=code)
        return True
    except GatewayRefused as refusal:
        news = RefundNews(order.number, Outcome.FAILED, message=refusal.why)
    note_refund_news(news=news, now=now)
    return True


def _asked(gateway: PaymentGateway, order: RefundOrder, is_again: bool) -> RefundNews:
    """Send a refund; one that was sent before may have gone back meanwhile: ask first."""
    if is_again:
        news = gateway.query_refund(order.number, order.payment_number)
        if news.outcome == Outcome.SUCCEEDED:
            return news
    return gateway.refund(order)


@retry_on_conflict
@transaction.atomic(durable=True)
def note_refund_news(*, news: RefundNews, now: datetime) -> Refund | None:
    """Take in what a gateway says of a refund; news that is old or unknown changes nothing."""
    return apply_refund_news(news, now)


def apply_refund_news(news: RefundNews, now: datetime) -> Refund | None:
    """Take in what a gateway says of a refund, in the caller's transaction."""
    try:
        refund = _locked_refund(uuid.UUID(hex=news.number))
    except (Missing, ValueError):
        return None
    if refund.state not in (RefundState.SENT, RefundState.APPROVED, RefundState.FAILED):
        return refund
    refund.message = news.message[:200]
    refund.transaction = news.transaction or refund.transaction
    if news.outcome == Outcome.SUCCEEDED:
        _settle(refund, None, news.at or now, now)
    elif news.outcome == Outcome.FAILED and refund.state != RefundState.FAILED:
        refund.state = RefundState.FAILED
        refund.next_attempt_at = None
        refund.save()
        _record(Action.REFUND_FAILED, refund, None)
    return refund


@retry_on_conflict
@transaction.atomic(durable=True)
def _mark_sent(uid: uuid.UUID, now: datetime) -> tuple[str, RefundOrder, bool] | None:
    """Mark a due refund as sent, and tell whether it was before; None where it is not due."""
    refund = _locked_refund(uid)
    if refund.next_attempt_at is None or refund.next_attempt_at > now:
        return None
    refund.state = RefundState.SENT
    refund.next_attempt_at = next_attempt_at(refund.attempts, now)
    refund.attempts += 1
    refund.save(update_fields=["attempts", "next_attempt_at", "state"])
    payment = refund.payment
    order = RefundOrder(
        number=refund.number,
        payment_number=payment.number,
        transaction=payment.transaction,
        amount=refund.amount,
        paid=payment.amount,
        currency=refund.currency,
        notify_url=notify_url(payment.gateway),
    )
    return payment.gateway, order, refund.attempts > 1


def _settle(refund: Refund, by: User | None, at: datetime, now: datetime) -> None:
    """Note that the money of a locked refund is back, `at` the gateway's time."""
    payment = refund.payment
    invoice = payment.invoice
    before = _given_back(Refund.objects.filter(payment=payment))
    before_of_subject = _given_back(
        Refund.objects.filter(payment__invoice__subject=invoice.subject, payment__is_extra=False)
    )
    refund.state = RefundState.SUCCEEDED
    refund.settled_at = at
    refund.settled_by = by
    refund.next_attempt_at = None
    refund.save()
    if not payment.is_extra:
        is_all = before + refund.amount == payment.amount
        invoice.state = InvoiceState.REFUNDED if is_all else InvoiceState.PART_REFUNDED
        invoice.save(update_fields=["state"])
    post_refund(refund, by)
    _record(Action.REFUND_SETTLED, refund, by)
    outbox.add("refund.settled", key=refund.uid, refund_uid=refund.uid)
    if payment.is_extra:
        return
    outbox.add(
        "payment.refunded",
        key=refund.uid,
        subject=invoice.subject,
        refund=str(refund.uid),
        refunded_before=str(before_of_subject),
        refunded=str(refund.amount),
    )


def _locked_refund(uid: uuid.UUID) -> Refund:
    found = Refund.objects.select_related("payment").filter(uid=uid).first()
    if found is None:
        raise Missing()
    payment = _locked_payment(found.payment)
    refund = Refund.objects.select_related("requested_by").get(pk=found.pk)
    refund.payment = payment
    return refund


def _locked_payment(known: Payment | None) -> Payment:
    """Lock an invoice and its payment, in this order. Raises: Missing."""
    if known is None:
        raise Missing()
    invoice = lock(Invoice.objects.filter(pk=known.invoice_id), Rung.INVOICE).get()
    payment = lock(Payment.objects.filter(pk=known.pk), Rung.PAYMENT).get()
    payment.invoice = invoice
    return payment


def _waits_at_desk(refund: Refund) -> bool:
    """Tell whether a refund only waits to be handed over."""
    is_allowed = refund.amount <= settings.REFUND_LIMIT or refund.approved_at is not None
    return refund.state == RefundState.REQUESTED and refund.payment.is_at_desk and is_allowed


def _given_back(refunds: QuerySet[Refund]) -> Decimal:
    done = refunds.filter(state=RefundState.SUCCEEDED)
    return done.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def _record(action: Action, refund: Refund, by: User | None) -> None:
    record_event(action, subject=refund, by=by, facts=facts_of(refund, refund.payment.invoice))
