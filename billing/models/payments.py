"""Which tables say what was paid, and what goes back?"""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing.choices import (
    Gateway,
    NoticeResult,
    PaymentState,
    QuarantineEnd,
    QuarantineReason,
    RefundReason,
    RefundState,
)
from billing.models.invoices import Invoice
from medbook import money
from medbook.references import new_reference

IS_CAPTURED = Q(state="captured")


class PaymentQuerySet(models.QuerySet["Payment"]):
    """Payments by what became of them."""

    def captured(self) -> "PaymentQuerySet":
        """Keep the money that pays an invoice: what came in beyond that goes back."""
        return self.filter(state=PaymentState.CAPTURED, is_extra=False)

    def undecided(self, now: datetime) -> "PaymentQuerySet":
        """Keep those of which the gateway is to be asked by now."""
        return self.filter(state=PaymentState.PENDING, next_query_at__lte=now)


class Payment(models.Model):
    """One attempt to pay an invoice; committed before the gateway hears of it.

    Money that comes in for an invoice that is paid already, or given up, is extra: it goes back.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, related_name="payments", verbose_name=_("invoice")
    )
    gateway = models.CharField(_("way to pay"), max_length=20, choices=Gateway)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(
        _("state"), max_length=12, choices=PaymentState, default=PaymentState.PENDING
    )
    is_extra = models.BooleanField(_("paid too much"), default=False)
    transaction = models.CharField(_("gateway's number"), max_length=64, blank=True)
    terminal = models.CharField(_("card terminal"), max_length=20, blank=True)
    message = models.CharField(_("the gateway's words"), max_length=200, blank=True)
    requested_at = models.DateTimeField(_("asked for at"))
    expires_at = models.DateTimeField(_("payable until"), null=True)
    next_query_at = models.DateTimeField(_("gateway asked again at"), null=True)
    queries = models.PositiveSmallIntegerField(_("times asked"), default=0)
    captured_at = models.DateTimeField(_("received at"), null=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="recorded_payments",
        verbose_name=_("recorded by"),
    )
    settlement = models.ForeignKey(
        "billing.Settlement",
        models.PROTECT,
        null=True,
        related_name="payments",
        verbose_name=_("settlement"),
    )

    objects = PaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        default_permissions = ("view",)
        permissions = [
            ("record_desk_payment", _("Can record a payment at the desk")),
            ("resolve_quarantine", _("Can decide about money that does not fit")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_amount_is_positive"),
            models.CheckConstraint(
                condition=Q(state__in=PaymentState.values), name="payment_state_is_known"
            ),
            models.UniqueConstraint(
                fields=["invoice"],
                condition=IS_CAPTURED & Q(is_extra=False),
                name="one_capture_per_invoice",
            ),
            models.UniqueConstraint(
                fields=["gateway", "transaction"],
                condition=~Q(transaction=""),
                name="one_payment_per_gateway_transaction",
            ),
            models.CheckConstraint(
                condition=(IS_CAPTURED & Q(captured_at__isnull=False))
                | (~IS_CAPTURED & Q(captured_at__isnull=True, is_extra=False)),
                name="payment_captured_at_says_captured",
            ),
            models.CheckConstraint(
                condition=Q(state="pending", next_query_at__isnull=False)
                | (~Q(state="pending") & Q(next_query_at__isnull=True)),
                name="a_pending_payment_is_asked_about",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_query_at"], condition=Q(state="pending"), name="payment_undecided"
            ),
            models.Index(
                fields=["gateway", "captured_at"], condition=IS_CAPTURED, name="payment_captured"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice} {self.amount}"

    @property
    def number(self) -> str:
        """How the gateway knows it: 32 hexadecimal digits."""
        return self.uid.hex

    @property
    def is_at_desk(self) -> bool:
        """Tell whether the money came in at the desk."""
        return Gateway(self.gateway).is_at_desk

    @property
    def shown_amount(self) -> str:
        """The amount with its currency."""
        return money.shown(self.amount, self.currency)


class GatewayNotice(models.Model):
    """A notification that a gateway has signed; each event is taken in once."""

    gateway = models.CharField(_("way to pay"), max_length=20, choices=Gateway)
    event_id = models.CharField(_("event"), max_length=80)
    number = models.CharField(_("our number"), max_length=64, blank=True)
    received_at = models.DateTimeField(_("received at"))
    digest = models.CharField(_("SHA-256 of the body"), max_length=64)
    result = models.CharField(_("result"), max_length=12, choices=NoticeResult)

    class Meta:
        verbose_name = _("gateway notification")
        verbose_name_plural = _("gateway notifications")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "event_id"], name="one_notice_per_gateway_event"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_gateway_display()} {self.event_id}"


class Quarantine(models.Model):
    """Money of which a gateway says what does not fit; a person decides, nobody guesses."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    payment = models.ForeignKey(
        Payment, models.PROTECT, null=True, related_name="quarantines", verbose_name=_("payment")
    )
    gateway = models.CharField(_("way to pay"), max_length=20, choices=Gateway)
    number = models.CharField(_("our number"), max_length=64)
    transaction = models.CharField(_("gateway's number"), max_length=64, blank=True)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2, null=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    at = models.DateTimeField(_("paid at"), null=True)
    why = models.CharField(_("why"), max_length=16, choices=QuarantineReason)
    noticed_at = models.DateTimeField(_("noticed at"))
    end = models.CharField(_("decision"), max_length=12, choices=QuarantineEnd, blank=True)
    ended_at = models.DateTimeField(_("decided at"), null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("decided by"),
    )

    class Meta:
        verbose_name = pgettext_lazy("money", "quarantine")
        verbose_name_plural = _("money that does not fit")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "number", "transaction", "why"],
                condition=Q(ended_at__isnull=True),
                name="one_open_quarantine_per_money",
            ),
            models.CheckConstraint(
                condition=Q(end="", ended_at__isnull=True)
                | (~Q(end="") & Q(ended_at__isnull=False)),
                name="a_quarantine_ends_by_a_decision",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_gateway_display()} {self.number}"


class Refund(models.Model):
    """Money to be given back, or given back, the way it came."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    reference = models.CharField(
        _("number"), max_length=10, unique=True, default=new_reference, editable=False
    )
    payment = models.ForeignKey(
        Payment, models.PROTECT, related_name="refunds", verbose_name=_("payment")
    )
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(
        _("state"), max_length=10, choices=RefundState, default=RefundState.REQUESTED
    )
    reason = models.CharField(_("reason"), max_length=10, choices=RefundReason)
    idempotency_key = models.CharField(max_length=80, editable=False)
    message = models.CharField(_("the gateway's words"), max_length=200, blank=True)
    transaction = models.CharField(_("gateway's number"), max_length=64, blank=True)
    requested_at = models.DateTimeField(_("requested at"))
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("asked for by"),
    )
    approved_at = models.DateTimeField(_("approved at"), null=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("approved by"),
    )
    next_attempt_at = models.DateTimeField(_("sent again at"), null=True)
    attempts = models.PositiveSmallIntegerField(_("times sent"), default=0)
    settled_at = models.DateTimeField(_("settled at"), null=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("given back by"),
    )
    settlement = models.ForeignKey(
        "billing.Settlement",
        models.PROTECT,
        null=True,
        related_name="refunds",
        verbose_name=_("settlement"),
    )

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        default_permissions = ("view",)
        permissions = [
            ("hand_back_refund", _("Can give money back at the desk")),
            ("request_refund", _("Can ask for money to be given back")),
            ("approve_refund", _("Can approve refunds and send failed ones again")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_is_positive"),
            models.CheckConstraint(
                condition=Q(state__in=RefundState.values), name="refund_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(reason__in=RefundReason.values), name="refund_reason_is_known"
            ),
            models.UniqueConstraint(
                fields=["payment", "idempotency_key"], name="one_refund_per_payment_and_cause"
            ),
            models.CheckConstraint(
                condition=Q(state="succeeded", settled_at__isnull=False)
                | (~Q(state="succeeded") & Q(settled_at__isnull=True)),
                name="refund_settled_at_says_succeeded",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("requested_by")),
                name="another_person_approves_a_refund",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="refund_to_send",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} · {self.shown_amount}"

    @property
    def number(self) -> str:
        """How the gateway knows it: 32 hexadecimal digits."""
        return self.uid.hex

    @property
    def shown_amount(self) -> str:
        """The amount with its currency."""
        return money.shown(self.amount, self.currency)
