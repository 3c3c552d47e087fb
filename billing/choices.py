"""Which words do invoices and payments use?"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class InvoiceState(TextChoices):
    """States of an invoice."""

    OPEN = "open", _("To be paid")
    PAID = "paid", _("Paid")
    PART_REFUNDED = "part_refunded", _("Partly refunded")
    REFUNDED = "refunded", _("Refunded")
    VOID = "void", _("Void")


class LineKind(TextChoices):
    """What a line of an invoice stands for."""

    FEE = "fee", _("Registration fee")
    TIER_DISCOUNT = "tier_discount", _("Tier discount")
    POINTS = "points", _("Points")


class Gateway(TextChoices):
    """Through which way money comes in."""

    DESK_CASH = "desk_cash", _("Cash at the desk")
    DESK_CARD = "desk_card", _("Card at the desk")


class PaymentState(TextChoices):
    """States of a payment."""

    CAPTURED = "captured", _("Received")


class RefundState(TextChoices):
    """States of a refund."""

    REQUESTED = "requested", _("Asked for")
    APPROVED = "approved", _("Approved")
    SENT = "sent", _("Sent")
    SUCCEEDED = "succeeded", _("Given back")
    FAILED = "failed", _("Failed")


class RefundReason(TextChoices):
    """Why money goes back."""

    CANCELLED = "cancelled", _("The visit was cancelled")
    CALLED_OFF = "called_off", _("The clinic called the visit off")
    CHEAPER = "cheaper", _("The new time costs less")
