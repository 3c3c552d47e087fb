"""How is money asked for, given up, and taken at the desk? Always in the caller's transaction."""

from datetime import datetime
from decimal import Decimal

from billing.choices import Gateway, InvoiceState, LineKind
from billing.errors import AlreadyPaid, NothingToPay
from billing.models import Invoice, InvoiceLine, Payment
from billing.rules import Quote
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
) -> Invoice:
    """Ask for the money of a quote. An invoice of nothing is paid as it is raised."""
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
        paid_at=now if is_free else None,
    )
    InvoiceLine.objects.bulk_create(
        InvoiceLine(invoice=invoice, number=number, kind=kind, amount=amount)
        for number, (kind, amount) in enumerate(lines_of(quote), start=1)
    )
    record_event(Action.INVOICE_RAISED, subject=invoice, by=by, facts=_facts(invoice))
    return invoice


def lines_of(quote: Quote) -> list[tuple[LineKind, Decimal]]:
    """List for what an invoice over a quote asks, and what it takes off."""
    lines = [(LineKind.FEE, quote.full)]
    if quote.discount:
        lines.append((LineKind.TIER_DISCOUNT, -quote.discount))
    if quote.points:
        lines.append((LineKind.POINTS, -quote.points_worth))
    return lines


def void_invoice(*, subject: str, by: User | None, now: datetime) -> None:
    """Give up the money asked for a subject; without a live invoice there is nothing to do.

    Raises: AlreadyPaid where money came in: that needs a refund.
    """
    invoice = locked_invoice(subject)
    if invoice is not None:
        void(invoice, by, now)


def void(invoice: Invoice, by: User | None, now: datetime) -> None:
    """Give up a locked invoice. Raises: AlreadyPaid."""
    if invoice.payments.exists():
        raise AlreadyPaid()
    invoice.state = InvoiceState.VOID
    invoice.paid_at = None
    invoice.voided_at = now
    invoice.save(update_fields=["paid_at", "state", "voided_at"])
    record_event(Action.INVOICE_VOIDED, subject=invoice, by=by, facts=_facts(invoice))


def record_desk_payment(*, subject: str, gateway: str, by: User, now: datetime) -> Payment:
    """Note that what is open of a subject was paid at the desk; a second press changes nothing.

    Raises: AlreadyPaid, NothingToPay.
    """
    invoices = locked_invoices(subject)
    invoice = next((each for each in invoices if each.is_due), None)
    if invoice is None:
        raise AlreadyPaid() if any(each.total for each in invoices) else NothingToPay()
    with conflict_as({"one_capture_per_invoice": AlreadyPaid}):
        payment = Payment.objects.create(
            invoice=invoice,
            gateway=Gateway(gateway),
            amount=invoice.total,
            currency=invoice.currency,
            captured_at=now,
            recorded_by=by,
        )
    invoice.state = InvoiceState.PAID
    invoice.paid_at = now
    invoice.save(update_fields=["paid_at", "state"])
    facts = {**_facts(invoice), "gateway": payment.gateway}
    record_event(Action.PAYMENT_RECORDED, subject=payment, by=by, facts=facts)
    outbox.add("invoice.paid", key=invoice.uid, subject=invoice.subject)
    return payment


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
