"""How does money go back? Always in the caller's transaction, except for the handing over."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet, Sum

from billing.choices import InvoiceState, PaymentState, RefundReason, RefundState
from billing.errors import WrongState
from billing.models import Invoice, Payment, Refund
from billing.rules import share_of
from billing.services.invoices import locked_invoices, void
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import Rung, lock, require_transaction, retry_on_conflict
from medbook.outbox import services as outbox
from members.models import User


def give_up_invoice(
    *, subject: str, percent: int, reason: RefundReason, by: User | None, now: datetime
) -> list[Refund]:
    """Void what is not paid yet; of what is paid, ask for so many per cent to be given back.

    All parts of what is asked for the subject. Asking again for the same reason changes nothing.
    """
    require_transaction()
    refunds = []
    for invoice in locked_invoices(subject):
        payment = captured(invoice)
        if payment is None:
            void(invoice, by, now)
        elif amount := share_of(left_of(payment), percent):
            refunds.append(_request(payment, amount, reason, str(reason), by, now))
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
            refunds.append(_request(payment, part, reason, key, by, now))
            amount -= part
    return refunds


def captured(invoice: Invoice) -> Payment | None:
    """Find the money that came in for an invoice."""
    return invoice.payments.filter(state=PaymentState.CAPTURED).first()


def left_of(payment: Payment) -> Decimal:
    """Tell how much of a payment stays."""
    return payment.amount - asked_back(payment)


def asked_back(payment: Payment) -> Decimal:
    """Tell how much of a payment was given back or is to be."""
    going = payment.refunds.exclude(state=RefundState.FAILED)
    return going.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


@retry_on_conflict
@transaction.atomic(durable=True)
def hand_back_refund(*, refund_uid: uuid.UUID, by: User, now: datetime) -> Refund:
    """Note that money was given back at the desk. Raises: WrongState, Missing."""
    found = Refund.objects.select_related("payment__invoice").filter(uid=refund_uid).first()
    if found is None:
        raise Missing()
    invoice = lock(Invoice.objects.filter(pk=found.payment.invoice_id), Rung.INVOICE).get()
    payment = lock(Payment.objects.filter(pk=found.payment_id), Rung.PAYMENT).get()
    refund = Refund.objects.get(pk=found.pk)
    if refund.state == RefundState.SUCCEEDED:
        raise WrongState(state=refund.get_state_display())
    before = _given_back(Refund.objects.filter(payment=payment))
    before_of_subject = _given_back(
        Refund.objects.filter(payment__invoice__subject=invoice.subject)
    )
    refund.state = RefundState.SUCCEEDED
    refund.settled_at = now
    refund.settled_by = by
    refund.save(update_fields=["state", "settled_at", "settled_by"])
    is_all = before + refund.amount == payment.amount
    invoice.state = InvoiceState.REFUNDED if is_all else InvoiceState.PART_REFUNDED
    invoice.save(update_fields=["state"])
    record_event(Action.REFUND_SETTLED, subject=refund, by=by, facts=_facts(refund, invoice))
    outbox.add(
        "payment.refunded",
        key=refund.uid,
        subject=invoice.subject,
        refund=str(refund.uid),
        refunded_before=str(before_of_subject),
        refunded=str(refund.amount),
    )
    return refund


def _request(
    payment: Payment,
    amount: Decimal,
    reason: RefundReason,
    key: str,
    by: User | None,
    now: datetime,
) -> Refund:
    refund, is_new = Refund.objects.get_or_create(
        payment=payment,
        idempotency_key=key,
        defaults={
            "amount": amount,
            "currency": payment.currency,
            "reason": reason,
            "requested_at": now,
        },
    )
    if is_new:
        facts = _facts(refund, payment.invoice)
        record_event(Action.REFUND_REQUESTED, subject=refund, by=by, facts=facts)
        outbox.add("refund.requested", key=refund.uid, refund_uid=refund.uid)
    return refund


def _given_back(refunds: QuerySet[Refund]) -> Decimal:
    done = refunds.filter(state=RefundState.SUCCEEDED)
    return done.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def _facts(refund: Refund, invoice: Invoice) -> dict[str, str]:
    return {
        "invoice": invoice.reference,
        "about": invoice.subject,
        "amount": str(refund.amount),
        "currency": refund.currency,
        "reason": refund.reason,
    }
