"""What is owed, what was paid, and what goes back?"""

import uuid
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from django.db.models import QuerySet, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing.choices import (
    DESK_GATEWAYS,
    Gateway,
    InvoiceState,
    ReceiptKind,
    RefundReason,
    RefundState,
)
from billing.models import Claim, InsurancePolicy, Invoice, Payment, Receipt, Refund
from billing.rules.prices import share_of
from medbook import clock
from medbook.errors import Missing
from members.models import Member


class Staff(Protocol):
    """Somebody who may be allowed to give money back."""

    def has_perm(self, perm: str) -> bool:
        """Tell whether this person has a permission."""
        ...


@dataclass
class Account:
    """What is asked for one subject, and what goes back of it."""

    invoices: list[Invoice] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)

    @property
    def invoice(self) -> Invoice | None:
        """The invoice over the price as it was first agreed."""
        return next((each for each in self.invoices if each.part == 0), None)

    @property
    def extra(self) -> Invoice | None:
        """The latest invoice over the rest of a higher price."""
        return next((each for each in reversed(self.invoices) if each.part), None)

    @property
    def came_in(self) -> Decimal:
        """How much was paid."""
        return sum((each.total for each in self.invoices if not each.is_due), Decimal(0))

    @property
    def paid(self) -> Decimal:
        """How much of it stays: what was asked back is off."""
        return self.came_in - self.going_back

    @property
    def going_back(self) -> Decimal:
        """How much was given back, or is to be."""
        return sum((each.amount for each in self.refunds), Decimal(0))

    @property
    def due(self) -> Decimal:
        """How much is waited for."""
        return sum((each.total for each in self.invoices if each.is_due), Decimal(0))


def accounts_of(subjects: Collection[str]) -> dict[str, Account]:
    """Collect invoices that are not void, and refunds that have not failed, by subject.

    One query, and one more where something was paid; an empty account where nothing was asked.
    """
    accounts = {subject: Account() for subject in subjects}
    for invoice in Invoice.objects.live().filter(subject__in=subjects).order_by("subject", "part"):
        accounts[invoice.subject].invoices.append(invoice)
    paid = [subject for subject, account in accounts.items() if account.came_in]
    if paid:
        refunds = _going(_of_the_price(Refund.objects.filter(payment__invoice__subject__in=paid)))
        for refund in refunds.select_related("payment__invoice").order_by("id"):
            accounts[refund.payment.invoice.subject].refunds.append(refund)
    return accounts


def account_of(subject: str) -> Account:
    """Collect what is asked for one subject, and what goes back. Two queries at most."""
    return accounts_of([subject])[subject]


def refundable(subject: str, percent: int) -> Decimal:
    """Tell what so many per cent of what stays would be, as give_up_invoice asks it back.

    Two queries.
    """
    given: defaultdict[int, Decimal] = defaultdict(Decimal)
    for refund in _going(Refund.objects.filter(payment__invoice__subject=subject)):
        given[refund.payment_id] += refund.amount
    came_in = Payment.objects.captured().filter(invoice__subject=subject)
    return sum(
        (share_of(payment.amount - given[payment.pk], percent) for payment in came_in), Decimal(0)
    )


def ways_paid(subject: str) -> list[Gateway]:
    """Tell how what was paid for one subject came in. One query."""
    came_in = Payment.objects.captured().filter(invoice__subject=subject)
    ways = came_in.order_by("gateway").values_list("gateway", flat=True).distinct()
    return [Gateway(way) for way in ways]


def invoice_of(subject: str) -> Invoice | None:
    """Find the first invoice that is not void of a subject, with lines and payments.

    Three queries.
    """
    live = Invoice.objects.live().filter(subject=subject, part=0)
    return live.prefetch_related("lines", "payments").first()


def insurer_name(subject: str) -> str:
    """Name the plan that bears a part of a subject; "" where none does (one query)."""
    claims = Claim.objects.filter(invoice__subject=subject).select_related("policy__plan")
    claim = claims.order_by("-id").first()
    return claim.policy.plan.name if claim else ""


def last_used(policies: Collection[InsurancePolicy]) -> InsurancePolicy | None:
    """Tell which of some policies a visit was insured by last; one query, if there are any."""
    if not policies:
        return None
    claims = Claim.objects.filter(policy__in=policies).order_by("-id")
    last = claims.values_list("policy_id", flat=True).first()
    return next((policy for policy in policies if policy.pk == last), None)


def claim_by(uid: uuid.UUID) -> Claim:
    """Find a claim with its invoice (one query)."""
    return Claim.objects.select_related("invoice").get(uid=uid)


def is_extra_due(subject: str) -> bool:
    """Tell whether the rest of a higher price waits to be paid, which is due before the visit."""
    return Invoice.objects.filter(subject=subject, part__gt=0, state=InvoiceState.OPEN).exists()


def paid_amount(subject: str) -> Decimal:
    """Tell how much money came in for a subject (one query)."""
    return _sum(Payment.objects.captured().filter(invoice__subject=subject))


def refunds_asked(subject: str, until: datetime) -> QuerySet[Refund]:
    """Keep the refunds of a subject that were asked for up to an instant, and have not failed."""
    asked = Refund.objects.filter(payment__invoice__subject=subject, requested_at__lte=until)
    return _going(_of_the_price(asked))


def asked_back_amount(subject: str, until: datetime) -> Decimal:
    """Tell how much of a subject's money was asked back up to an instant (one query)."""
    return _sum(refunds_asked(subject, until))


def waiting_refunds(*, by: Staff, now: datetime) -> str | None:
    """Say how many refunds wait to be handed over by this person. One query."""
    if not by.has_perm("billing.hand_back_refund"):
        return None
    waiting = Refund.objects.filter(state=RefundState.REQUESTED, payment__gateway__in=DESK_GATEWAYS)
    count = waiting.count()
    if not count:
        return None
    return ngettext(
        "%(count)d refund waits to be given back.",
        "%(count)d refunds wait to be given back.",
        count,
    ) % {"count": count}


def refund_by(uid: uuid.UUID) -> Refund:
    """Find a refund with its payment and invoice (one query)."""
    return Refund.objects.select_related("payment__invoice").get(uid=uid)


def refunds_of(subjects: Collection[str], reason: RefundReason) -> dict[str, list[Refund]]:
    """Find what was asked back of subjects for a reason, also what has failed (one query)."""
    found: dict[str, list[Refund]] = defaultdict(list)
    rows = Refund.objects.filter(payment__invoice__subject__in=subjects, reason=reason)
    for refund in rows.select_related("payment__invoice").order_by("id"):
        found[refund.payment.invoice.subject].append(refund)
    return found


def money_under_way(member: Member) -> str | Promise | None:
    """Say that a member owes something, or gets something back, if so."""
    if Invoice.objects.filter(member=member, state=InvoiceState.OPEN).exists():
        return _("A bill of yours is still open. Please settle it first.")
    waiting = Refund.objects.exclude(state__in=(RefundState.SUCCEEDED, RefundState.FAILED))
    if waiting.filter(payment__invoice__member=member).exists():
        return _("Money is still to be given back to you. Please collect it first.")
    claims = Claim.objects.filter(invoice__member=member)
    if claims.due(clock.now()).exists() or claims.filter(next_attempt_at__isnull=False).exists():
        return _("Your insurer has not answered yet. Please try again later.")
    return None


def is_money_awaited(subject: str) -> bool:
    """Tell whether something of a subject is still open (one query)."""
    return Invoice.objects.filter(subject=subject, state=InvoiceState.OPEN).exists()


def latest_payment(subject: str) -> Payment | None:
    """Find the last attempt to pay for a subject through a gateway (one query)."""
    attempts = Payment.objects.filter(invoice__subject=subject).exclude(gateway__in=DESK_GATEWAYS)
    return attempts.select_related("invoice").order_by("-id").first()


def receipts_of(member: Member) -> QuerySet[Receipt]:
    """List what a member was given receipts for, the latest first."""
    return Receipt.objects.filter(member=member).order_by("-issued_at", "-id")


def receipts_of_payments(subject: str) -> list[Receipt]:
    """List the receipts of what was paid for a subject, one for each part. One query."""
    of_payments = Receipt.objects.filter(kind=ReceiptKind.PAYMENT, invoice__subject=subject)
    return list(of_payments.order_by("id"))


def own_receipt(member: Member, number: str) -> Receipt:
    """Find a member's receipt. Raises: Missing, also for a stranger's."""
    found = receipts_of(member).filter(number=number)
    receipt = found.select_related("original", "patient").first()
    if receipt is None:
        raise Missing()
    return receipt


def refund_receipts(receipt: Receipt) -> list[Receipt]:
    """List the receipts of what went back of a payment, in their order. One query."""
    return list(receipt.refund_receipts.order_by("id"))


def receipt_by_code(code: str, number: str = "") -> Receipt | None:
    """Find the receipt that has a secret code, and this number if one is named. One query."""
    found = Receipt.objects.filter(verify_code=code).select_related("original")
    return (found.filter(number=number) if number else found).first()


def _of_the_price(refunds: QuerySet[Refund]) -> QuerySet[Refund]:
    """Leave out what goes back of payments beyond the price."""
    return refunds.filter(payment__is_extra=False)


def _going(refunds: QuerySet[Refund]) -> QuerySet[Refund]:
    return refunds.exclude(state=RefundState.FAILED)


def _sum(rows: QuerySet[Payment] | QuerySet[Refund]) -> Decimal:
    return rows.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
