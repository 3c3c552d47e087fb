"""What waits to be told to the world?"""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _


class MessageQuerySet(models.QuerySet["OutboxMessage"]):
    """Messages by what is still to be done."""

    def due(self, now: datetime) -> "MessageQuerySet":
        """Keep what is unhandled and whose time has come."""
        return self.filter(handled_at__isnull=True, next_attempt_at__lte=now)


class OutboxMessage(models.Model):
    """One message to one handler; holds ids only, never personal data."""

    topic = models.CharField(_("topic"), max_length=60)
    handler = models.CharField(_("handler"), max_length=120)
    dedupe_key = models.CharField(_("dedupe key"), max_length=120)
    ids = models.JSONField(_("ids"), default=dict)
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("created at"))
    next_attempt_at = models.DateTimeField(_("next attempt at"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    last_error = models.CharField(_("last error"), max_length=200, blank=True)
    handled_at = models.DateTimeField(_("handled at"), null=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("outbox message")
        verbose_name_plural = _("outbox messages")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["topic", "dedupe_key", "handler"], name="one_message_per_topic_and_key"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(handled_at__isnull=True),
                name="outbox_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.dedupe_key}"
