"""What follows when the price of something that was asked for changes?"""

from datetime import datetime
from decimal import Decimal
from functools import partial

from billing.choices import RefundReason
from billing.models import Invoice
from billing.rules.prices import Quote
from billing.services.invoices import lines_of, locked_invoices, raise_invoice, void
from billing.services.refunds import captured, give_back
from billing.services.requesting import left_of
from medbook.locks import require_transaction
from members.models import Member, User


def reprice(
    *,
    member: Member | None,
    subject: str,
    purpose: str,
    quote: Quote,
    part: int,
    by: User,
    now: datetime,
) -> None:
    """Bring what is asked for a subject to a new price, in the caller's transaction.

    Before anything is paid the invoice is replaced. After that a higher price asks for the rest
    by a further part, and a lower one asks for the difference to be given back; a further part
    that nobody has paid yet gives way. `part` numbers this change, never twice the same.
    """
    require_transaction()
    invoices = locked_invoices(subject)
    payments = [payment for invoice in invoices if (payment := captured(invoice))]
    unpaid = [invoice for invoice in invoices if not captured(invoice)]
    if not payments and len(unpaid) == 1 and _says(unpaid[0], quote):
        return
    for invoice in unpaid:
        void(invoice, by, now)
    ask = partial(raise_invoice, member=member, subject=subject, purpose=purpose, by=by, now=now)
    if not payments:
        ask(quote=quote)
        return
    rest = quote.total - sum((left_of(payment) for payment in payments), Decimal(0))
    if rest > 0:
        ask(quote=_only(rest, quote), part=part)
    elif rest < 0:
        give_back(
            payments=reversed(payments),
            amount=-rest,
            reason=RefundReason.CHEAPER,
            key=f"{RefundReason.CHEAPER}:{part}",
            by=by,
            now=now,
        )


def _only(amount: Decimal, quote: Quote) -> Quote:
    return Quote(amount, Decimal(0), amount, quote.currency, quote.tier_name)


def _says(invoice: Invoice, quote: Quote) -> bool:
    """Tell whether an invoice is over just this quote."""
    said = list(invoice.lines.order_by("number").values_list("kind", "amount"))
    return said == lines_of(quote)
