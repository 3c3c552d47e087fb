"""How is money asked for, given up, and taken? Always in the caller's transaction."""

from datetime import datetime
from decimal import Decimal

from billing.choices import (
    DESK_GATEWAYS,
    Gateway,
    InvoiceState,
    LineKind,
    PaymentState,
    RefundReason,
)
from billing.errors import AlreadyPaid, NothingToPay, UnknownGateway
from billing.models import Invoice, InvoiceLine, Payment
from billing.rules.prices import Quote
from billing.services.claims import Cover, quote_claim, take_back_claim
from billing.services.journal import post_capture, post_sale, reverse_sale
from billing.services.requesting import request_refund
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, conflict_as, lock, require_transaction
from medbook.outbox import services as outbox
from members.models import Member, User


def raise_invoice(
    *,
    member: Member | None,
    subject: str,
    purpose: str,
    quote: Quote,
    by: User | None,
    now: datetime,
    part: int = 0,
    payable_until: datetime | None = None,
    cover: Cover | None = None,
) -> Invoice:
    """Ask for the money of a quote, and quote an insurer's share to it, if there is one.

    An invoice of nothing is paid as it is raised. After `payable_until` no gateway takes money
    for it.
    """
    require_transaction()
    is_free = quote.total == 0
    invoice = Invoice.objects.create(
        member=member,
        subject=subject,
        part=part,
        purpose=purpose,
        currency=quote.currency,
        total=quote.total,
        state=InvoiceState.PAID if is_free else InvoiceState.OPEN,
        issued_at=now,
        payable_until=payable_until,
        paid_at=now if is_free else None,
    )
    InvoiceLine.objects.bulk_create(
        InvoiceLine(invoice=invoice, number=number, kind=kind, amount=amount)
        for number, (kind, amount) in enumerate(lines_of(quote), start=1)
    )
    if cover:
        quote_claim(cover, invoice, quote.insured, by, now)
    if is_free:
        post_sale(invoice, now, by)
    record_event(Action.INVOICE_RAISED, subject=invoice, by=by, facts=_facts(invoice))
    return invoice


def lines_of(quote: Quote) -> list[tuple[LineKind, Decimal]]:
    """List for what an invoice over a quote asks, and what it takes off."""
    off = LineKind.FREE_RETURN if quote.is_free_return else LineKind.TIER_DISCOUNT
    lines = [
        (LineKind.FEE, quote.full),
        (off, -quote.discount),
        (LineKind.POINTS, -quote.points_worth),
        (LineKind.INSURANCE, -quote.insured),
    ]
    return [lines[0], *(line for line in lines[1:] if line[1])]


def void_invoice(*, subject: str, by: User | None, now: datetime) -> None:
    """Give up the money asked for a subject; without a live invoice there is nothing to do.

    Raises: AlreadyPaid where money came in: that needs a refund.
    """
    invoice = locked_invoice(subject)
    if invoice is not None:
        void(invoice, by, now)


def void(invoice: Invoice, by: User | None, now: datetime) -> None:
    """Give up a locked invoice. Raises: AlreadyPaid."""
    if invoice.payments.captured().exists():
        raise AlreadyPaid()
    take_back_claim(invoice, by, now)
    if invoice.paid_at is not None:
        reverse_sale(invoice, now, by)
    invoice.state = InvoiceState.VOID
    invoice.paid_at = None
    invoice.voided_at = now
    invoice.save(update_fields=["paid_at", "state", "voided_at"])
    record_event(Action.INVOICE_VOIDED, subject=invoice, by=by, facts=_facts(invoice))


def let_lapse(*, subject: str, now: datetime) -> None:
    """Give up what is open of a subject, unless a payment of it is under way at a gateway.

    Never waits, so that a place may be locked after it: what somebody works on just now is left to
    give_up_overdue_invoices.
    """
    due = Invoice.objects.filter(subject=subject, state=InvoiceState.OPEN).order_by("id")
    for invoice in lock(due, Rung.INVOICE, skip_locked=True):
        if not invoice.payments.filter(state=PaymentState.PENDING).exists():
            void(invoice, None, now)


def extend_time_to_pay(*, subject: str, until: datetime) -> None:
    """Let gateways take money for what is open of a subject a little longer."""
    for invoice in locked_invoices(subject):
        if invoice.is_due and invoice.payable_until:
            invoice.payable_until = until
            invoice.save(update_fields=["payable_until"])


def record_desk_payment(
    *, subject: str, gateway: str, by: User, now: datetime, terminal: str = ""
) -> Payment:
    """Note that what is open of a subject was paid at the desk; a second press changes nothing.

    `terminal` is the number on a card terminal's slip.
    Raises: AlreadyPaid, NothingToPay, UnknownGateway.
    """
    if gateway not in DESK_GATEWAYS:
        raise UnknownGateway()
    invoices = locked_invoices(subject)
    invoice = next((each for each in invoices if each.is_due), None)
    if invoice is None:
        raise AlreadyPaid() if any(each.total for each in invoices) else NothingToPay()
    payment = Payment(
        invoice=invoice,
        gateway=Gateway(gateway),
        amount=invoice.total,
        currency=invoice.currency,
        terminal=terminal,
        requested_at=now,
        captured_at=now,
        recorded_by=by,
    )
    with conflict_as({"one_capture_per_invoice": AlreadyPaid}):
        capture(payment, invoice, by, now)
    return payment


def capture(payment: Payment, invoice: Invoice, by: User | None, now: datetime) -> None:
    """Take money in for a locked invoice; what it does not wait for is asked to be given back.

    `payment.captured_at` says when the gateway got it.
    """
    if not invoice.is_due:
        take_extra(payment, by, now)
        return
    _note_captured(payment, by, now)
    invoice.state = InvoiceState.PAID
    invoice.paid_at = now
    invoice.save(update_fields=["paid_at", "state"])
    post_sale(invoice, payment.captured_at or now, by)
    post_capture(payment, by)
    outbox.add("invoice.paid", key=invoice.uid, subject=invoice.subject)


def take_extra(payment: Payment, by: User | None, now: datetime) -> None:
    """Take money in that pays nothing, and ask for all of it to be given back."""
    payment.is_extra = True
    _note_captured(payment, by, now)
    post_capture(payment, by)
    request_refund(
        payment=payment, amount=payment.amount, reason=RefundReason.EXTRA, by=None, now=now
    )


def _note_captured(payment: Payment, by: User | None, now: datetime) -> None:
    payment.state = PaymentState.CAPTURED
    payment.next_query_at = None
    payment.message = ""
    payment.captured_at = payment.captured_at or now
    payment.save()
    facts = {
        **_facts(payment.invoice),
        "gateway": payment.gateway,
        "amount": str(payment.amount),
    }
    record_event(Action.PAYMENT_RECORDED, subject=payment, by=by, facts=facts)


def locked_invoice(subject: str) -> Invoice | None:
    """Lock the first invoice that is not void of a subject, if there is one."""
    live = Invoice.objects.live().filter(subject=subject, part=0)
    return lock(live, Rung.INVOICE).first()


def locked_invoices(subject: str) -> list[Invoice]:
    """Lock the invoices that are not void of a subject, all parts."""
    return list(lock(Invoice.objects.live().filter(subject=subject), Rung.INVOICE))


def _facts(invoice: Invoice) -> dict[str, str]:
    return {
        "invoice": invoice.reference,
        "about": invoice.subject,
        "total": str(invoice.total),
        "currency": invoice.currency,
    }
