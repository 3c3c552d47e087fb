"""What follows when the price of something that was asked for changes?"""

from datetime import datetime
from decimal import Decimal
from functools import partial

from billing.choices import RefundReason
from billing.models import Invoice
from billing.rules.prices import Quote
from billing.services.claims import Cover, give_back_claim, quote_claim
from billing.services.invoices import lines_of, locked_invoices, raise_invoice, void
from billing.services.journal import post_claim
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
    cover: Cover | None = None,
) -> None:
    """Bring what is asked for a subject to a new price, in the caller's transaction.

    Before anything is paid the invoice is replaced. After that a higher price asks for the rest
    by a further part, and a lower one asks for the difference to be given back; a further part
    that nobody has paid yet gives way. `part` numbers this change, never twice the same. With a
    cover, what the insurer was asked to bear is taken back, and its new share is asked for.
    """
    require_transaction()
    invoices = locked_invoices(subject)
    payments = [payment for invoice in invoices if (payment := captured(invoice))]
    if not payments and not cover and len(invoices) == 1 and _says(invoices[0], quote):
        return
    for invoice in invoices:
        if invoice.is_due or not payments:
            void(invoice, by, now)
    ask = partial(raise_invoice, member=member, subject=subject, purpose=purpose, by=by, now=now)
    if not payments:
        ask(quote=quote, cover=cover)
        return
    if cover:
        _claim_anew(invoices[0], cover, quote.insured, by, now)
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


def ask_for_rest(
    *,
    member: Member | None,
    subject: str,
    purpose: str,
    amount: Decimal,
    quote: Quote,
    part: int,
    now: datetime,
) -> Invoice:
    """Ask the member for what an insurer does not bear of a price that is paid.

    A further part that is still open is folded into it.
    """
    require_transaction()
    waiting = [invoice for invoice in locked_invoices(subject) if invoice.is_due]
    for invoice in waiting:
        void(invoice, None, now)
    return raise_invoice(
        member=member,
        subject=subject,
        purpose=purpose,
        quote=_only(amount + sum(invoice.total for invoice in waiting), quote),
        part=part,
        by=None,
        now=now,
    )


def _claim_anew(first: Invoice, cover: Cover, share: Decimal, by: User, now: datetime) -> None:
    """Put a new claim in the place of the one that was paid along with a price before."""
    give_back_claim(first, by, now)
    post_claim(quote_claim(cover, first, share, by, now), now, by)


def _only(amount: Decimal, quote: Quote) -> Quote:
    return Quote(amount, Decimal(0), amount, quote.currency, quote.tier_name)


def _says(invoice: Invoice, quote: Quote) -> bool:
    """Tell whether an invoice is over just this quote."""
    said = list(invoice.lines.order_by("number").values_list("kind", "amount"))
    return said == lines_of(quote)
