"""How does the database recognise a wrong key under a right id?"""

from django.db import models

from medbook.encryption.choices import Purpose


class EncryptionCheck(models.Model):
    """A value derived from one key, compared whenever a process starts."""

    purpose = models.CharField(max_length=5, choices=Purpose)
    key_id = models.PositiveIntegerField()
    value = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["purpose", "key_id"], name="one_check_value_per_encryption_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.key_id}"
