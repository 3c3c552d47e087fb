"""How does Django find what the apps share?"""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class MedBookConfig(AppConfig):
    name = "medbook"


class AdminConfig(DjangoAdminConfig):
    """The admin with MedBook's own site object."""

    default_site = "medbook.admin_site.MedBookAdminSite"
