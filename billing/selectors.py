"""What is owed, and what was paid?"""

from collections.abc import Collection
from decimal import Decimal

from django.db.models import Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.choices import InvoiceState, PaymentState
from billing.models import Invoice, Payment
from members.models import Member


def invoice_of(subject: str) -> Invoice | None:
    """Find the invoice that is not void of a subject, with lines and payments (three queries)."""
    return (
        Invoice.objects.live().filter(subject=subject).prefetch_related("lines", "payments").first()
    )


def live_invoices(subjects: Collection[str]) -> dict[str, Invoice]:
    """Find the invoices that are not void of several subjects, by subject (one query)."""
    return {found.subject: found for found in Invoice.objects.live().filter(subject__in=subjects)}


def paid_subjects(subjects: Collection[str]) -> set[str]:
    """Tell for which of these subjects money came in (one query)."""
    paid = Payment.objects.filter(invoice__subject__in=subjects, state=PaymentState.CAPTURED)
    return set(paid.values_list("invoice__subject", flat=True))


def paid_amount(subject: str) -> Decimal:
    """Tell how much money came in for a subject (one query)."""
    came_in = Payment.objects.filter(invoice__subject=subject, state=PaymentState.CAPTURED)
    return came_in.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def money_under_way(member: Member) -> str | Promise | None:
    """Say that a member owes something, if so."""
    if Invoice.objects.filter(member=member, state=InvoiceState.OPEN).exists():
        return _("A bill of yours is still open. Please settle it first.")
    return None
