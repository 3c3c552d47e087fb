"""Which requests have had their effect?"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class IdempotencyKey(models.Model):
    """One effect of one key, per principal and endpoint. Kept 7 days."""

    principal_uid = models.UUIDField(_("principal"))
    endpoint = models.CharField(_("endpoint"), max_length=60)
    key = models.CharField(_("key"), max_length=255)
    request_hash = models.BinaryField(_("request hash"), max_length=32)
    object_uid = models.UUIDField(_("object"))
    created_at = models.DateTimeField(_("created at"), db_index=True)

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["principal_uid", "endpoint", "key"], name="one_effect_per_idempotency_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.object_uid}"
