"""How does Django find the sandbox bank?"""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SandboxConfig(AppConfig):
    name = "billing.sandbox"
    label = "sandbox"
    verbose_name = _("Sandbox Bank")
