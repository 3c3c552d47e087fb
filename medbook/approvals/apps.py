"""How does Django find the approvals?"""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApprovalsConfig(AppConfig):
    name = "medbook.approvals"
    label = "approvals"
    verbose_name = _("Approvals")
