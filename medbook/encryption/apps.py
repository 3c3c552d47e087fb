"""How does Django find the sealed fields' own table and checks?"""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from medbook.encryption import check_values, checks


class EncryptionConfig(AppConfig):
    name = "medbook.encryption"
    label = "encryption"
    verbose_name = _("Encryption")

    def ready(self) -> None:
        """Register the checks, and remember each key once the database is migrated."""
        register(checks.check_keys, Tags.security)
        register(checks.check_known_keys, Tags.database)
        register(checks.check_fields, Tags.models)
        register(checks.check_admin, Tags.admin)
        post_migrate.connect(check_values.record_check_values, sender=self)
