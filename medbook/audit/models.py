"""What does the operation log keep of an act?"""

import uuid

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from medbook.audit.choices import Outcome, acts


class OperationLog(models.Model):
    """Who did what to which object, when, from where. Written once, never changed.

    Holds values, no foreign keys: a record outlives what it speaks of.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    at = models.DateTimeField(_("at"))
    action = models.CharField(_("action"), max_length=40, choices=acts)
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome, default=Outcome.OK)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    actor_type = models.CharField(_("actor type"), max_length=12)
    actor_uid = models.UUIDField(_("actor"), null=True)
    actor_role = models.CharField(_("role"), max_length=40, blank=True)
    subject_type = models.CharField(_("subject type"), max_length=60, blank=True)
    subject_uid = models.UUIDField(_("subject"), null=True)
    patient_uid = models.UUIDField(_("patient"), null=True)
    changed_fields = models.JSONField(_("changed fields"), default=list)
    facts = models.JSONField(_("facts"), default=dict)
    request_id = models.CharField(_("request id"), max_length=64, blank=True)
    ip = models.GenericIPAddressField(_("IP address"), null=True, unpack_ipv4=True)
    user_agent = models.CharField(_("user agent"), max_length=200, blank=True)
    channel = models.CharField(_("channel"), max_length=12)

    class Meta:
        verbose_name = _("operation log entry")
        verbose_name_plural = _("operation log")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["subject_uid", "at"], name="operation_log_subject"),
            models.Index(fields=["actor_uid", "at"], name="operation_log_actor"),
            models.Index(fields=["at"], name="operation_log_at"),
            models.Index(
                fields=["patient_uid"],
                condition=models.Q(patient_uid__isnull=False),
                name="operation_log_patient",
            ),
            GinIndex(
                fields=["facts"],
                opclasses=["jsonb_path_ops"],
                condition=models.Q(action="people.searched"),
                name="operation_log_searches",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action}"
