"""How does Django find the operation log?"""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "medbook.audit"
    label = "audit"
    verbose_name = _("Operation log")
