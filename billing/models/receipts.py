"""Which tables keep what was confirmed on paper?"""

import uuid
from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from billing.choices import Gateway, LineKind, ReceiptKind, RefundReason
from billing.models.invoices import Invoice
from billing.models.payments import Refund
from billing.rules.receipts import Facts, capital_numerals
from medbook import money
from medbook.references import new_reference


def new_verify_code() -> str:
    """Make the secret of a receipt's public address: 20 characters, 100 bits."""
    return new_reference() + new_reference()


class ReceiptCounter(models.Model):
    """The last number that an issuer gave out in a year; locked while the next one is written."""

    issuer = models.CharField(_("issuer"), max_length=20)
    year = models.PositiveSmallIntegerField(_("year"))
    last = models.PositiveIntegerField(_("last number"), default=0)

    class Meta:
        verbose_name = _("receipt counter")
        verbose_name_plural = _("receipt counters")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "year"], name="one_receipt_counter_per_issuer_and_year"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.issuer} {self.year}"


class Receipt(models.Model):
    """What was confirmed of a payment or a refund. Never changed: a refund has its own.

    `facts` is a copy made at the issue and names nobody; `issuer` is the clinic's code.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.CharField(_("number"), max_length=40, unique=True)
    issuer = models.CharField(_("issuer"), max_length=20)
    year = models.PositiveSmallIntegerField(_("year"))
    seq = models.PositiveIntegerField(_("number within the year"))
    kind = models.CharField(_("kind"), max_length=8, choices=ReceiptKind)
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, related_name="receipts", verbose_name=_("invoice")
    )
    refund = models.ForeignKey(
        Refund, models.PROTECT, null=True, related_name="receipts", verbose_name=_("refund")
    )
    original = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        related_name="refund_receipts",
        verbose_name=_("receipt of the payment"),
    )
    member = models.ForeignKey(
        "members.Member",
        models.PROTECT,
        null=True,
        related_name="receipts",
        verbose_name=_("member"),
    )
    patient = models.ForeignKey(
        "members.Patient", models.PROTECT, null=True, related_name="+", verbose_name=_("patient")
    )
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    issued_at = models.DateTimeField(_("issued at"))
    facts = models.JSONField(_("what it says"))
    verify_code = models.CharField(
        _("code to check it"), max_length=20, unique=True, default=new_verify_code, editable=False
    )

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "year", "seq"], name="one_receipt_per_issuer_year_and_number"
            ),
            models.UniqueConstraint(
                fields=["invoice"],
                condition=Q(kind="payment"),
                name="one_receipt_per_paid_invoice",
            ),
            models.UniqueConstraint(fields=["refund"], name="one_receipt_per_refund"),
            models.CheckConstraint(
                condition=Q(kind="payment", refund__isnull=True, original__isnull=True)
                | Q(kind="refund", refund__isnull=False, original__isnull=False),
                name="a_refund_receipt_names_the_first",
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, seq__gt=0), name="a_receipt_is_over_something"
            ),
        ]
        indexes = [models.Index(fields=["member", "-issued_at"], name="receipt_of_member")]

    def __str__(self) -> str:
        return self.number

    @property
    def told(self) -> Facts:
        """What it says, to be read in the active language."""
        return Facts(**self.facts)

    @property
    def lines(self) -> list[tuple[str, str, Decimal]]:
        """How the amount comes about: in words, with the sign of what is taken off, in figures."""
        rows = [(LineKind(line["kind"]), Decimal(line["amount"])) for line in self.told.lines]
        return [(str(kind.label), "−" if amount < 0 else "", abs(amount)) for kind, amount in rows]

    @property
    def way(self) -> str:
        """The way the money came, in words."""
        return str(Gateway(self.told.gateway).label)

    @property
    def reason(self) -> str:
        """Why money went back, in words; "" for a payment."""
        return str(RefundReason(self.told.reason).label) if self.told.reason else ""

    @property
    def shown_amount(self) -> str:
        """The amount with its currency."""
        return money.shown(self.amount, self.currency)

    @property
    def capitals(self) -> str:
        """The amount spelt out, where Chinese is read and yuan were paid; else ""."""
        is_read = (get_language() or "").startswith("zh")
        return capital_numerals(self.amount) if is_read and self.currency == "CNY" else ""

    @property
    def shown_code(self) -> str:
        """The code in groups, to be typed."""
        code = self.verify_code
        return " ".join(code[start : start + 5] for start in range(0, len(code), 5))
