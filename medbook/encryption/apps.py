"""How does Django find the sealed fields' own table and checks?"""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EncryptionConfig(AppConfig):
    name = "medbook.encryption"
    label = "encryption"
    verbose_name = _("Encryption")
