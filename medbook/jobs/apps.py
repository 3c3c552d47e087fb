"""How does Django find the jobs?"""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "medbook.jobs"
    label = "jobs"
    verbose_name = _("Jobs")
