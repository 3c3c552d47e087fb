"""Which tables say what a gateway has settled, and what the desk has counted?"""

import uuid
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing.choices import (
    DESK_ACCOUNTS,
    Account,
    DifferenceKind,
    Gateway,
    MovementKind,
    Resolution,
    SettlementState,
    StatementSource,
)
from billing.models.journal import JournalEntry
from billing.models.payments import Payment, Refund
from medbook import money


class Settlement(models.Model):
    """One day at one gateway. The sums are those of its statement, written as it is closed."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    gateway = models.CharField(_("way to pay"), max_length=20, choices=Gateway)
    day = models.DateField(_("day"))
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(
        _("state"), max_length=6, choices=SettlementState, default=SettlementState.OPEN
    )
    source = models.CharField(_("source"), max_length=4, choices=StatementSource, blank=True)
    fetched_at = models.DateTimeField(_("fetched at"), null=True)
    closed_at = models.DateTimeField(_("closed at"), null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("closed by"),
    )
    payments_total = models.DecimalField(_("paid in"), max_digits=14, decimal_places=2, default=0)
    refunds_total = models.DecimalField(_("given back"), max_digits=14, decimal_places=2, default=0)
    fees_total = models.DecimalField(_("fees"), max_digits=14, decimal_places=2, default=0)
    net = models.DecimalField(_("net"), max_digits=14, decimal_places=2, default=0)
    entry = models.ForeignKey(
        JournalEntry,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("journal entry"),
    )

    class Meta:
        verbose_name = _("settlement")
        verbose_name_plural = _("settlements")
        default_permissions = ("view",)
        permissions = [("settle", _("Can settle the days of gateways"))]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "day"], name="one_settlement_per_gateway_and_day"
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True)
                | Q(state="closed", closed_at__isnull=False, fetched_at__isnull=False),
                name="a_closed_settlement_says_when",
            ),
            models.CheckConstraint(
                condition=Q(net=F("payments_total") - F("refunds_total") - F("fees_total")),
                name="settlement_net_is_what_remains",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_gateway_display()} {self.day}"

    @property
    def is_open(self) -> bool:
        """Tell whether anything of it can still change."""
        return self.state == SettlementState.OPEN


class StatementLine(models.Model):
    """One line of a statement; with the movement of ours that it agrees with, if there is one."""

    settlement = models.ForeignKey(Settlement, models.PROTECT, related_name="lines")
    number = models.PositiveIntegerField(_("line"))
    kind = models.CharField(pgettext_lazy("money", "kind"), max_length=8, choices=MovementKind)
    our_number = models.CharField(_("our number"), max_length=64, blank=True)
    transaction = models.CharField(_("gateway's number"), max_length=64, blank=True)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    at = models.DateTimeField(_("at"))
    fee = models.DecimalField(_("fee"), max_digits=12, decimal_places=2)
    payment = models.ForeignKey(
        Payment, models.PROTECT, null=True, related_name="+", verbose_name=_("payment")
    )
    refund = models.ForeignKey(
        Refund, models.PROTECT, null=True, related_name="+", verbose_name=_("refund")
    )
    carried_from = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        related_name="carried_to",
        verbose_name=_("carried from"),
    )

    class Meta:
        verbose_name = _("line of a statement")
        verbose_name_plural = _("lines of statements")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="statement_amount_is_positive"),
            models.CheckConstraint(
                condition=Q(payment__isnull=True) | Q(refund__isnull=True),
                name="a_statement_line_agrees_with_one",
            ),
        ]
        indexes = [models.Index(fields=["our_number"], name="statement_our_number")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.our_number}"


class Difference(models.Model):
    """What a statement and our books do not agree on, and what was done about it."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    settlement = models.ForeignKey(Settlement, models.PROTECT, related_name="differences")
    kind = models.CharField(_("what"), max_length=14, choices=DifferenceKind)
    line = models.ForeignKey(StatementLine, models.PROTECT, null=True, related_name="differences")
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, related_name="+")
    refund = models.ForeignKey(Refund, models.PROTECT, null=True, related_name="+")
    ours = models.DecimalField(_("ours"), max_digits=12, decimal_places=2, null=True)
    theirs = models.DecimalField(_("theirs"), max_digits=12, decimal_places=2, null=True)
    resolution = models.CharField(_("decision"), max_length=10, choices=Resolution, blank=True)
    note = models.CharField(_("reason"), max_length=200, blank=True)
    resolved_at = models.DateTimeField(_("decided at"), null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    entry = models.ForeignKey(
        JournalEntry,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("journal entry"),
    )

    class Meta:
        verbose_name = _("difference")
        verbose_name_plural = _("differences")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(resolution="", resolved_at__isnull=True, entry__isnull=True)
                | (~Q(resolution="") & Q(resolved_at__isnull=False)),
                name="a_difference_is_resolved_by_a_decision",
            ),
            models.CheckConstraint(
                condition=Q(line__isnull=False)
                | Q(payment__isnull=False)
                | Q(refund__isnull=False),
                name="a_difference_is_about_something",
            ),
        ]
        indexes = [
            models.Index(fields=["settlement"], condition=Q(resolution=""), name="difference_open"),
        ]

    def __str__(self) -> str:
        return f"{self.settlement} {self.get_kind_display()}"

    @property
    def what(self) -> DifferenceKind:
        """The kind of difference."""
        return DifferenceKind(self.kind)

    @property
    def our_number(self) -> str:
        """How the gateway should know it."""
        if self.line is not None and self.line.our_number:
            return self.line.our_number
        row = self.payment or self.refund
        return row.number if row else ""

    @property
    def transaction(self) -> str:
        """The gateway's own number."""
        row = self.line or self.payment or self.refund
        return row.transaction if row else ""

    @property
    def movement(self) -> MovementKind:
        """Tell whether it is about a payment or a refund."""
        if self.line is not None:
            return MovementKind(self.line.kind)
        return MovementKind.REFUND if self.refund_id else MovementKind.PAYMENT

    @property
    def gap(self) -> Decimal:
        """By how much the gateway's account would have to rise to agree with the statement."""
        is_noted = self.kind in (DifferenceKind.MISSING_THERE, DifferenceKind.AMOUNT_DIFFERS)
        noted = self.ours if is_noted else None
        gap = (self.theirs or Decimal(0)) - (noted or Decimal(0))
        return gap if self.movement == MovementKind.PAYMENT else -gap


class CashCount(models.Model):
    """What lay in the desk's drawer, or the total of its card terminal. Never changed."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    account = models.CharField(
        pgettext_lazy("money", "account"),
        max_length=16,
        choices=[(each.value, each.label) for each in DESK_ACCOUNTS],
    )
    number = models.PositiveIntegerField(_("number"))
    counted_at = models.DateTimeField(_("counted at"))
    currency = models.CharField(_("currency"), max_length=3)
    counted = models.DecimalField(_("counted"), max_digits=12, decimal_places=2)
    expected = models.DecimalField(_("expected"), max_digits=12, decimal_places=2)
    difference = models.DecimalField(_("difference"), max_digits=12, decimal_places=2)
    kept = models.DecimalField(_("stays in the drawer"), max_digits=12, decimal_places=2)
    note = models.CharField(_("reason"), max_length=200, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("counted by")
    )
    entry = models.ForeignKey(
        JournalEntry,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("journal entry"),
    )

    class Meta:
        verbose_name = _("count at the desk")
        verbose_name_plural = _("counts at the desk")
        default_permissions = ("view",)
        permissions = [("count_cash", _("Can count cash and card at the desk"))]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "number"], name="one_count_per_account_and_number"
            ),
            models.CheckConstraint(
                condition=Q(difference=F("counted") - F("expected")),
                name="cash_difference_is_counted_less_expected",
            ),
            models.CheckConstraint(
                condition=Q(account=Account.DESK_CASH, kept__gte=0, kept__lte=F("counted"))
                | Q(account=Account.DESK_CARD, kept=0),
                name="only_counted_cash_is_kept",
            ),
            models.CheckConstraint(
                condition=Q(difference=0) | ~Q(note=""), name="a_cash_difference_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_account_display()} {self.number}: {self.shown_counted}"

    @property
    def shown_counted(self) -> str:
        """The amount counted, with its currency."""
        return money.shown(self.counted, self.currency)
