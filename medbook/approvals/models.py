"""Which table says what a second person has to look at?"""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from medbook.approvals.choices import ApprovalState, kinds

IS_WAITING = Q(state=ApprovalState.WAITING, decided_at__isnull=True, decided_by_uid__isnull=True)
IS_DECIDED = Q(
    state__in=(ApprovalState.APPROVED, ApprovalState.REFUSED),
    decided_at__isnull=False,
    decided_by_uid__isnull=False,
)


class Approval(models.Model):
    """An act that somebody asked for and another person approves or refuses.

    Holds values, no foreign keys to those above; `facts` are what the act needs, never personal.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=40, choices=kinds)
    subject_type = models.CharField(_("subject type"), max_length=60)
    subject_uid = models.UUIDField(_("subject"))
    facts = models.JSONField(_("facts"), default=dict)
    reason = models.CharField(_("reason"), max_length=200)
    state = models.CharField(
        _("state"), max_length=8, choices=ApprovalState, default=ApprovalState.WAITING
    )
    key = models.CharField(_("key"), max_length=120, unique=True)
    asked_by_uid = models.UUIDField(_("asked by"))
    asked_at = models.DateTimeField(_("asked at"))
    decided_by_uid = models.UUIDField(_("decided by"), null=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        default_permissions = ("view",)
        permissions = [("decide_approval", _("Can approve or refuse what others ask for"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by_uid__isnull=True) | ~Q(decided_by_uid=F("asked_by_uid")),
                name="another_person_decides",
            ),
            models.CheckConstraint(
                condition=IS_WAITING | IS_DECIDED, name="a_decision_says_by_whom"
            ),
        ]
        indexes = [
            models.Index(
                fields=["asked_at"], condition=Q(state="waiting"), name="approval_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.asked_at:%Y-%m-%d %H:%M}"
