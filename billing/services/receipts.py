"""How is a receipt given out? Always in the caller's transaction, numbers without a gap."""

from dataclasses import asdict
from datetime import datetime

from billing.choices import ReceiptKind, RefundState
from billing.models import Payment, Receipt, ReceiptCounter, Refund
from billing.rules.receipts import Facts, Line, Occasion, receipt_number
from billing.services.invoices import locked_invoices
from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, require_transaction
from members.models import Patient


def issue_receipts(
    *, subject: str, occasion: Occasion, patient: Patient | None, now: datetime
) -> list[Receipt]:
    """Give out what a subject still lacks: for each part that was paid, then for what went back.

    Money beyond the price, which goes back at once, gets none.
    """
    require_transaction()
    issued = []
    for invoice in locked_invoices(subject):
        for payment in invoice.payments.captured():
            payment.invoice = invoice
            settled = payment.refunds.filter(state=RefundState.SUCCEEDED)
            for refund in (None, *settled.order_by("settled_at", "id")):
                issued.append(
                    issue_receipt(
                        payment=payment,
                        refund=refund,
                        occasion=occasion,
                        patient=patient,
                        now=now,
                    )
                )
    return issued


def issue_receipt(
    *,
    payment: Payment,
    refund: Refund | None,
    occasion: Occasion,
    patient: Patient | None,
    now: datetime,
) -> Receipt:
    """Give out the receipt of a payment or of its refund with the next number; a second time, none.

    The invoice is locked. What went back refers to the receipt of what came in.
    """
    require_transaction()
    earlier = Receipt.objects.filter(invoice=payment.invoice, refund=refund).first()
    if earlier is not None:
        return earlier
    year = clock.local_date(now, occasion.time_zone).year
    issuer = occasion.code.upper()
    original = None
    if refund is not None:
        original = Receipt.objects.get(invoice=payment.invoice, kind=ReceiptKind.PAYMENT)
    seq = _next_number(issuer, year)
    receipt = Receipt.objects.create(
        number=receipt_number(issuer, year, seq),
        issuer=issuer,
        year=year,
        seq=seq,
        kind=ReceiptKind.REFUND if refund else ReceiptKind.PAYMENT,
        invoice=payment.invoice,
        refund=refund,
        original=original,
        member=payment.invoice.member,
        patient=patient,
        amount=refund.amount if refund else payment.amount,
        currency=payment.currency,
        issued_at=now,
        facts=asdict(_facts(occasion, payment, refund)),
    )
    record_event(
        Action.RECEIPT_ISSUED,
        subject=receipt,
        facts={
            "number": receipt.number,
            "invoice": payment.invoice.reference,
            "about": payment.invoice.subject,
            "amount": str(receipt.amount),
            "currency": receipt.currency,
        },
    )
    return receipt


def _next_number(issuer: str, year: int) -> int:
    """Take the next number; whoever comes after waits until this one is written, or given up."""
    rows = ReceiptCounter.objects.filter(issuer=issuer, year=year)
    counter = lock(rows, Rung.RECEIPT_COUNTER).first()
    if counter is None:
        fresh = ReceiptCounter(issuer=issuer, year=year)
        ReceiptCounter.objects.bulk_create([fresh], ignore_conflicts=True)
        counter = lock(rows, Rung.RECEIPT_COUNTER).get()
    counter.last += 1
    counter.save(update_fields=["last"])
    return counter.last


def _facts(occasion: Occasion, payment: Payment, refund: Refund | None) -> Facts:
    lines: list[Line] = []
    if refund is None:
        rows = payment.invoice.lines.order_by("number").values_list("kind", "amount")
        lines = [{"kind": kind, "amount": str(amount)} for kind, amount in rows]
    return Facts(
        **asdict(occasion),
        gateway=payment.gateway,
        reference=payment.invoice.reference,
        lines=lines,
        reason=refund.reason if refund else "",
    )
