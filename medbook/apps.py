"""How does Django find what the apps share?"""

from django.apps import AppConfig, apps
from django.contrib import admin
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.core.checks import Tags, register

from medbook.personal_data import check_personal_data
from medbook.staff_door import check_staff_door


class MedBookConfig(AppConfig):
    name = "medbook"

    def ready(self) -> None:
        """Register the checks of tables that know people, and of the way to the workbench."""
        register(check_personal_data, Tags.models)
        register(check_staff_door, Tags.security, deploy=True)


class AdminConfig(DjangoAdminConfig):
    """The admin with MedBook's own site object."""

    default_site = "medbook.admin_site.MedBookAdminSite"

    def ready(self) -> None:
        """Leave out a table of allauth's: nobody has a row there, and one would be in clear."""
        super().ready()
        admin.site.unregister(apps.get_model("account", "EmailAddress"))
