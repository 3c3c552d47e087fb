"""Which words do invoices and payments use?"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class InvoiceState(TextChoices):
    """States of an invoice."""

    OPEN = "open", _("To be paid")
    PAID = "paid", _("Paid")
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
