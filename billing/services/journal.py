"""How does a movement of money get into the journal? Always in the transaction of its cause."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from billing.choices import Account, EntryKind, LineKind
from billing.models import Claim, Invoice, JournalEntry, Payment, Posting, Refund
from medbook import clock
from medbook.locks import require_transaction
from members.models import User

# Which account bears what a line of an invoice takes off, or earns what it asks.
ACCOUNTS = {
    LineKind.FEE: Account.REVENUE,
    LineKind.FREE_RETURN: Account.DISCOUNTS,
    LineKind.TIER_DISCOUNT: Account.DISCOUNTS,
    LineKind.POINTS: Account.POINTS,
    LineKind.INSURANCE: Account.INSURERS,
}

OF_SALES = (EntryKind.SALE, EntryKind.CLAIM, EntryKind.CLAIM_CUT, EntryKind.CLAIM_BACK)


def post(
    kind: EntryKind,
    *,
    reference: str,
    currency: str,
    postings: Iterable[tuple[Account, Decimal]],
    at: datetime,
    subject: str = "",
    note: str = "",
    by: User | None = None,
) -> JournalEntry | None:
    """Write one entry; debits are positive. Nothing is written where nothing moves, or twice."""
    require_transaction()
    sums: defaultdict[Account, Decimal] = defaultdict(Decimal)
    for account, amount in postings:
        sums[account] += amount
    sides = {account: amount for account, amount in sums.items() if amount}
    if not sides or JournalEntry.objects.filter(kind=kind, reference=reference).exists():
        return None
    entry = JournalEntry.objects.create(
        kind=kind,
        reference=reference,
        subject=subject,
        currency=currency,
        at=at,
        recorded_at=clock.now(),
        note=note,
        by=by,
    )
    Posting.objects.bulk_create(
        Posting(entry=entry, account=account, amount=amount) for account, amount in sides.items()
    )
    return entry


def post_sale(invoice: Invoice, at: datetime, by: User | None) -> None:
    """Note what an invoice asks, and of whom, once it is paid."""
    lines = invoice.lines.values_list("kind", "amount")
    post(
        EntryKind.SALE,
        reference=f"invoice:{invoice.uid}",
        subject=invoice.subject,
        currency=invoice.currency,
        postings=[
            (Account.MEMBERS, invoice.total),
            *((ACCOUNTS[LineKind(kind)], -amount) for kind, amount in lines),
        ],
        at=at,
        by=by,
    )


def reverse_sale(invoice: Invoice, at: datetime, by: User | None) -> None:
    """Take back what was noted of an invoice that is given up after all, and of its claims."""
    claims = [f"claim:{uid}" for uid in invoice.claims.values_list("uid", flat=True)]
    entries = JournalEntry.objects.filter(kind__in=OF_SALES).order_by("id")
    for entry in entries.filter(reference__in=[f"invoice:{invoice.uid}", *claims]):
        reverse(entry, at=at, by=by)


def reverse(
    entry: JournalEntry, *, at: datetime, by: User | None, note: str = ""
) -> JournalEntry | None:
    """Write the opposite of an entry, once."""
    return post(
        EntryKind.REVERSAL,
        reference=f"entry:{entry.uid}",
        subject=entry.subject,
        currency=entry.currency,
        postings=[
            (Account(account), -amount)
            for account, amount in entry.postings.values_list("account", "amount")
        ],
        at=at,
        note=note,
        by=by,
    )


def post_capture(payment: Payment, by: User | None) -> None:
    """Note money that came in: for what a member owes, or to be given back."""
    owed = Account.SURPLUS if payment.is_extra else Account.MEMBERS
    assert payment.captured_at  # noqa: S101 - a constraint says so
    post(
        EntryKind.CAPTURE,
        reference=f"payment:{payment.uid}",
        subject=payment.invoice.subject,
        currency=payment.currency,
        postings=[(Account(payment.gateway), payment.amount), (owed, -payment.amount)],
        at=payment.captured_at,
        by=by,
    )


def post_refund(refund: Refund, by: User | None) -> None:
    """Note money that went back the way it came."""
    payment = refund.payment
    borne_by = Account.SURPLUS if payment.is_extra else Account.REFUNDS
    assert refund.settled_at  # noqa: S101 - a constraint says so
    post(
        EntryKind.REFUND,
        reference=f"refund:{refund.uid}",
        subject=payment.invoice.subject,
        currency=refund.currency,
        postings=[(borne_by, refund.amount), (Account(payment.gateway), -refund.amount)],
        at=refund.settled_at,
        by=by,
    )


def post_points_back(
    *, subject: str, amount: Decimal, currency: str, at: datetime, key: str
) -> None:
    """Note that points which had paid a part of a fee went back to the member.

    Nothing is noted where that fee was never charged.
    """
    sales = JournalEntry.objects.filter(kind=EntryKind.SALE, subject=subject)
    if sales.filter(postings__account=Account.POINTS).exists():
        post(
            EntryKind.POINTS_BACK,
            reference=key,
            subject=subject,
            currency=currency,
            postings=[(Account.REFUNDS, amount), (Account.POINTS, -amount)],
            at=at,
        )


def post_claim(claim: Claim, at: datetime, by: User | None) -> None:
    """Note an insurer's share that no invoice asks for: of a visit that moved once it was paid."""
    _post_claim(EntryKind.CLAIM, claim, claim.quoted, Account.REVENUE, at, by)


def post_claim_cut(claim: Claim, at: datetime) -> None:
    """Note what an insurer does not bear; a further invoice asks the member for it."""
    _post_claim(EntryKind.CLAIM_CUT, claim, claim.borne - claim.quoted, Account.REVENUE, at, None)


def post_claim_back(claim: Claim, at: datetime, by: User | None) -> None:
    """Note that an insurer's share is taken back, since the visit came to nothing or moved."""
    _post_claim(EntryKind.CLAIM_BACK, claim, -claim.borne, Account.REFUNDS, at, by)


def post_claim_paid(claim: Claim, at: datetime) -> None:
    """Note that an insurer has paid its share."""
    _post_claim(EntryKind.CLAIM_PAID, claim, -claim.borne, Account.BANK, at, None)


def reverse_claim_paid(claim: Claim, at: datetime) -> None:
    """Note that an insurer has taken back what it had paid."""
    paid = JournalEntry.objects.get(kind=EntryKind.CLAIM_PAID, reference=f"claim:{claim.uid}")
    reverse(paid, at=at, by=None)


def _post_claim(
    kind: EntryKind,
    claim: Claim,
    amount: Decimal,
    other: Account,
    at: datetime,
    by: User | None,
) -> None:
    post(
        kind,
        reference=f"claim:{claim.uid}",
        subject=claim.invoice.subject,
        currency=claim.invoice.currency,
        postings=[(Account.INSURERS, amount), (other, -amount)],
        at=at,
        by=by,
    )
