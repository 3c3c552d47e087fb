"""How does Django find the billing app?"""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _

from billing.gateways import checks


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Payment and settlement")

    def ready(self) -> None:
        """Register the checks."""
        register(checks.check_gateways, Tags.security)
