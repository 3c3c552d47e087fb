"""Which tables say what a member was told, how, and what they want to be told?"""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.bilingual import Bilingual
from medbook.encryption import SealedTextField
from members.choices import Channel, DeliveryState
from members.models.people import Member
from members.rules import spelling


class MessageTemplate(models.Model):
    """The words of one kind of message where staff has changed them; both languages at once."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=40, unique=True)
    title_en = models.CharField(_("title (English)"), max_length=120)
    title_zh = models.CharField(_("title (Chinese)"), max_length=120)
    text_en = models.TextField(_("text (English)"), max_length=1000)
    text_zh = models.TextField(_("text (Chinese)"), max_length=1000)
    updated_at = models.DateTimeField(_("changed at"), default=clock.now)

    title = Bilingual("title")
    text = Bilingual("text")

    class Meta:
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")
        default_permissions = ("view", "change")

    def __str__(self) -> str:
        return self.kind


class Notification(models.Model):
    """One thing that a member was told; its facts are put into words when they are read."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="notifications", verbose_name=_("member")
    )
    kind = models.CharField(_("kind"), max_length=40)
    key = models.CharField(_("about"), max_length=120)
    facts = SealedTextField(label="notification.facts")
    path = models.CharField(_("page"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"))
    read_at = models.DateTimeField(_("read at"), null=True)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["member", "kind", "key"], name="one_notification_per_event"
            ),
        ]
        indexes = [models.Index(fields=["member", "-created_at"], name="notification_member")]

    def __str__(self) -> str:
        return self.kind


class Delivery(models.Model):
    """A message on its way out of the house, and what became of it.

    A code to a number without an account has no member.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="deliveries", null=True, verbose_name=_("member")
    )
    notification = models.ForeignKey(
        Notification, models.PROTECT, related_name="deliveries", null=True
    )
    kind = models.CharField(_("kind"), max_length=40)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    language = models.CharField(_("language"), max_length=8)
    recipient = SealedTextField(
        label="delivery.recipient", mask=spelling.masked_recipient, null=True
    )
    title = SealedTextField(label="delivery.title", null=True)
    text = SealedTextField(label="delivery.text", null=True)
    state = models.CharField(
        _("state"), max_length=8, choices=DeliveryState, default=DeliveryState.WAITING
    )
    why = models.CharField(_("why"), max_length=60, blank=True)
    created_at = models.DateTimeField(_("created at"))
    due_at = models.DateTimeField(_("due at"))
    sent_at = models.DateTimeField(_("sent at"), null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        default_permissions = ("view",)
        permissions = [("resend_delivery", _("Can send a message again"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values), name="delivery_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=(Channel.SMS, Channel.EMAIL)),
                name="a_delivery_leaves_the_house",
            ),
            models.UniqueConstraint(
                fields=["notification", "channel"], name="one_delivery_per_channel"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="delivery_waiting"),
            models.Index(fields=["-created_at"], name="delivery_created"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.channel}"


class ChannelChoice(models.Model):
    """Whether a member wants a kind of message by a channel; without a row the default holds."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    member = models.ForeignKey(Member, models.CASCADE, related_name="channel_choices")
    kind = models.CharField(_("kind"), max_length=40)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    is_wanted = models.BooleanField(_("wanted"))

    class Meta:
        verbose_name = _("choice of channel")
        verbose_name_plural = _("choices of channel")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["member", "kind", "channel"], name="one_choice_per_kind_and_channel"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.channel}"
