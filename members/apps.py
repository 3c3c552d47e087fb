"""How does Django find the members app?"""

from importlib import import_module

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _

from members import gateway


class MembersConfig(AppConfig):
    name = "members"
    verbose_name = _("Members")

    def ready(self) -> None:
        """Listen to sign-ins, and register the checks."""
        import_module("members.services.sign_in")
        register(gateway.check_sms_gateway, Tags.security)
        register(gateway.check_sms_gateway_for_production, Tags.security, deploy=True)
