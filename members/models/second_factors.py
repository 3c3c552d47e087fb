"""Which tables say what somebody shows besides a password?"""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.encryption import SealedTextField
from members.choices import FactorKind
from members.models.accounts import User


class SecondFactor(models.Model):
    """An authenticator app with its secret, or a passkey with its public key."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="second_factors")
    kind = models.CharField(_("kind"), max_length=8, choices=FactorKind)
    name = models.CharField(_("name"), max_length=40, blank=True)
    secret = SealedTextField(label="second_factor.secret", null=True)
    last_step = models.BigIntegerField(_("last time step"), null=True)
    credential_id = models.BinaryField(max_length=1023, null=True)
    credential = models.BinaryField(max_length=4096, null=True)
    sign_count = models.BigIntegerField(_("uses counted by the device"), default=0)
    created_at = models.DateTimeField(_("created at"), default=clock.now, editable=False)
    last_used_at = models.DateTimeField(_("last used at"), null=True)

    class Meta:
        verbose_name = _("second factor")
        verbose_name_plural = _("second factors")
        default_permissions = ()
        permissions = [("take_away_second_factor", _("Can take away a second factor"))]
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(kind=FactorKind.APP), name="one_app_per_account"
            ),
            models.UniqueConstraint(fields=["credential_id"], name="a_passkey_opens_one_account"),
            models.CheckConstraint(
                condition=Q(kind=FactorKind.APP, secret__isnull=False, credential__isnull=True)
                | Q(
                    kind=FactorKind.PASSKEY,
                    secret__isnull=True,
                    credential__isnull=False,
                    credential_id__isnull=False,
                ),
                name="a_factor_has_what_its_kind_needs",
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class RecoveryCode(models.Model):
    """A code on paper for when the factor is lost, good once; kept as a keyed digest."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="recovery_codes")
    digest = models.BinaryField(max_length=32)
    used_at = models.DateTimeField(_("used at"), null=True)

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user", "digest"], name="one_recovery_code_of_a_kind"),
        ]

    def __str__(self) -> str:
        return str(self.uid)


class FactorTries(models.Model):
    """How often in a row somebody who knew the password has failed at the second factor."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.OneToOneField(User, models.CASCADE, related_name="factor_tries")
    failures = models.PositiveIntegerField(_("failures"), default=0)
    last_failed_at = models.DateTimeField(_("last failed at"))

    class Meta:
        verbose_name = _("tries at a second factor")
        verbose_name_plural = _("tries at a second factor")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.failures)
