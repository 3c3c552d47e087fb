"""Which tables say what is owed?"""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.choices import InvoiceState, LineKind
from medbook import money
from medbook.references import new_reference

IS_PAID = Q(state__in=["paid", "part_refunded", "refunded"])


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    """Invoices by state."""

    def live(self) -> "InvoiceQuerySet":
        """Keep what was not given up, at most one per subject and part."""
        return self.exclude(state=InvoiceState.VOID).order_by("id")


class Invoice(models.Model):
    """Money asked of a member for a purpose that billing itself does not know.

    Where a price rises after it was paid, the rest is asked for by a further part.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    reference = models.CharField(
        _("number"), max_length=10, unique=True, default=new_reference, editable=False
    )
    member = models.ForeignKey(
        "members.Member",
        models.PROTECT,
        related_name="invoices",
        null=True,
        verbose_name=_("member"),
    )
    purpose = models.CharField(_("purpose"), max_length=20)
    subject = models.CharField(_("subject"), max_length=60)
    part = models.PositiveSmallIntegerField(_("part"), default=0)
    currency = models.CharField(_("currency"), max_length=3)
    total = models.DecimalField(_("total"), max_digits=12, decimal_places=2)
    state = models.CharField(
        _("state"), max_length=14, choices=InvoiceState, default=InvoiceState.OPEN
    )
    issued_at = models.DateTimeField(_("issued at"))
    payable_until = models.DateTimeField(_("payable online until"), null=True)
    paid_at = models.DateTimeField(_("paid at"), null=True)
    voided_at = models.DateTimeField(_("voided at"), null=True)

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "part"],
                condition=~Q(state="void"),
                name="one_live_invoice_per_subject_and_part",
            ),
            models.CheckConstraint(condition=Q(total__gte=0), name="invoice_total_not_negative"),
            models.CheckConstraint(
                condition=Q(state__in=InvoiceState.values), name="invoice_state_is_known"
            ),
            models.CheckConstraint(
                condition=(IS_PAID & Q(paid_at__isnull=False))
                | (~IS_PAID & Q(paid_at__isnull=True)),
                name="invoice_paid_at_says_paid",
            ),
        ]
        indexes = [models.Index(fields=["subject"], name="invoice_subject")]

    def __str__(self) -> str:
        return self.reference

    @property
    def shown_total(self) -> str:
        """The total with its currency."""
        return money.shown(self.total, self.currency)

    @property
    def is_due(self) -> bool:
        """Tell whether money is waited for."""
        return self.state == InvoiceState.OPEN


class InvoiceLine(models.Model):
    """One reason for money; discounts are negative; lines sum to the total."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="lines")
    number = models.PositiveSmallIntegerField(_("number"))
    kind = models.CharField(_("kind"), max_length=20, choices=LineKind)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)

    class Meta:
        verbose_name = _("invoice line")
        verbose_name_plural = _("invoice lines")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["invoice", "number"], name="one_line_per_number"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount}"
