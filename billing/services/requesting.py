"""How is money asked to be given back? Always in the transaction of the cause."""

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db.models import Sum

from billing.choices import RefundReason, RefundState
from billing.models import Invoice, Payment, Refund
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import require_transaction
from medbook.outbox import services as outbox
from members.models import User


def request_refund(
    *,
    payment: Payment,
    amount: Decimal,
    reason: RefundReason,
    by: User | None,
    now: datetime,
    key: str = "",
) -> Refund:
    """Ask for a part of a payment to be given back; the invoice is locked. The same key asks once.

    Up to settings.REFUND_LIMIT it is approved as it is asked for; above that by a second person.
    """
    require_transaction()
    is_approved = amount <= settings.REFUND_LIMIT
    is_sent = is_approved and not payment.is_at_desk
    refund, is_new = Refund.objects.get_or_create(
        payment=payment,
        idempotency_key=key or str(reason),
        defaults={
            "amount": amount,
            "currency": payment.currency,
            "reason": reason,
            "state": RefundState.APPROVED if is_sent else RefundState.REQUESTED,
            "requested_at": now,
            "requested_by": by,
            "approved_at": now if is_sent else None,
            "next_attempt_at": now if is_sent else None,
        },
    )
    if is_new:
        facts = facts_of(refund, payment.invoice)
        record_event(Action.REFUND_REQUESTED, subject=refund, by=by, facts=facts)
        outbox.add("refund.requested", key=refund.uid, refund_uid=refund.uid)
    return refund


def left_of(payment: Payment) -> Decimal:
    """Tell how much of a payment stays."""
    going = payment.refunds.exclude(state=RefundState.FAILED)
    return payment.amount - (going.aggregate(sum=Sum("amount"))["sum"] or Decimal(0))


def facts_of(refund: Refund, invoice: Invoice) -> dict[str, str]:
    """Collect what the operation log says of a refund."""
    return {
        "invoice": invoice.reference,
        "about": invoice.subject,
        "amount": str(refund.amount),
        "currency": refund.currency,
        "reason": refund.reason,
    }
