"""Which tables does the bank keep?"""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.sandbox.choices import (
    Behaviour,
    ClaimBehaviour,
    ClaimState,
    GatewayState,
    NotificationEvent,
    PaymentState,
    RefundBehaviour,
    RefundState,
)

LONGEST_NUMBER = 32
IS_PAID = Q(state="paid")


class SandboxConsole(models.Model):
    """How the bank behaves unless a payer says otherwise: one row."""

    payment_behaviour = models.CharField(
        _("When somebody pays"), max_length=12, choices=Behaviour, default=Behaviour.NORMAL
    )
    refund_behaviour = models.CharField(
        _("When money goes back"),
        max_length=12,
        choices=RefundBehaviour,
        default=RefundBehaviour.NORMAL,
    )
    claim_behaviour = models.CharField(
        _("When a claim comes in"),
        max_length=8,
        choices=ClaimBehaviour,
        default=ClaimBehaviour.ACCEPT,
    )
    late_seconds = models.PositiveIntegerField(_("Late means after how many seconds"), default=60)
    state = models.CharField(
        _("The gateway is"), max_length=4, choices=GatewayState, default=GatewayState.UP
    )
    leaves_out_latest = models.BooleanField(_("leave out the latest line"), default=False)
    adds_unknown = models.BooleanField(_("add a line of an unknown payment"), default=False)
    changes_amount = models.BooleanField(_("change an amount by 0.50"), default=False)
    doubles_refund = models.BooleanField(_("report a refund twice"), default=False)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(id=1), name="sandbox_has_one_console")]

    def __str__(self) -> str:
        return str(self.state)


class SandboxPayment(models.Model):
    """Money that a merchant asks for; `uid` is the secret of the payer's page."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.CharField(max_length=LONGEST_NUMBER, unique=True)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    currency = models.CharField(max_length=3)
    title = models.CharField(max_length=120)
    return_url = models.CharField(max_length=500)
    notify_url = models.CharField(max_length=500)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=PaymentState, default=PaymentState.PENDING)
    behaviour = models.CharField(max_length=12, choices=Behaviour, blank=True)
    taken = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    paid_at = models.DateTimeField(null=True)
    told_from = models.DateTimeField(null=True)  # until then programs hear "pending"
    transaction = models.CharField(max_length=40, blank=True)
    message = models.CharField(max_length=120, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="sandbox_amount_is_positive"),
            models.CheckConstraint(
                condition=(IS_PAID & Q(paid_at__isnull=False, taken__gt=0))
                | (~IS_PAID & Q(paid_at__isnull=True, taken__isnull=True)),
                name="sandbox_paid_says_when_and_what",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class SandboxRefund(models.Model):
    """Money that goes back to the payer; `uid` is the bank's transaction."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    payment = models.ForeignKey(SandboxPayment, models.PROTECT, related_name="refunds")
    number = models.CharField(max_length=LONGEST_NUMBER, unique=True)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    notify_url = models.CharField(max_length=500)
    state = models.CharField(max_length=10, choices=RefundState)
    created_at = models.DateTimeField()
    told_from = models.DateTimeField()  # until then programs hear "processing"
    message = models.CharField(max_length=120, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="sandbox_refund_is_positive"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def currency(self) -> str:
        """Money goes back in the currency in which it came."""
        return self.payment.currency


class SandboxClaim(models.Model):
    """What the insurer is asked to bear; one that was reversed before it came has no amount."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.CharField(max_length=LONGEST_NUMBER, unique=True)
    policy = models.CharField(max_length=32, blank=True)
    reference = models.CharField(max_length=60, blank=True)
    amount = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    currency = models.CharField(max_length=3, blank=True)
    borne = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    message = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField()  # until then programs hear "processing"
    reversed_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.number

    def state_at(self, now: datetime) -> ClaimState:
        """Tell the state at an instant."""
        if self.reversed_at is not None and self.reversed_at <= now:
            return ClaimState.REVERSED
        if now < self.decided_at:
            return ClaimState.PROCESSING
        return ClaimState.ACCEPTED if self.borne else ClaimState.REJECTED


class SandboxNotification(models.Model):
    """A message to the merchant, sent until it is acknowledged; `uid` is the event."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    event = models.CharField(max_length=20, choices=NotificationEvent)
    number = models.CharField(max_length=LONGEST_NUMBER)
    url = models.CharField(max_length=500)
    body = models.TextField()
    is_forged = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    gives_up_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)  # None: nothing more is done
    attempts = models.PositiveIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=60, blank=True)  # the last status, or the error's name

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False), name="sandbox_due_messages"
            )
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.number}"
