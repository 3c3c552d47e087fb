"""What is owed, and what was paid?"""

from billing.models import Invoice


def invoice_of(subject: str) -> Invoice | None:
    """Find the invoice that is not void of a subject, with lines and payments (three queries)."""
    return (
        Invoice.objects.live().filter(subject=subject).prefetch_related("lines", "payments").first()
    )
