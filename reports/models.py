"""Which permission do the reports ask for?"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Report(models.Model):
    """No table: a place for the permission to read the reports."""

    class Meta:
        managed = False
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        default_permissions = ()
        permissions = [("view_reports", _("Can read the reports"))]

    def __str__(self) -> str:
        return str(self.pk)
