"""Which dates has the nightly run made?"""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from scheduling.choices import RunState
from scheduling.models.catalogue import Department


class ReleaseRun(models.Model):
    """One department's date, made by the nightly run."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    department = models.ForeignKey(
        Department, models.PROTECT, related_name="release_runs", verbose_name=_("department")
    )
    service_date = models.DateField(_("date"))
    state = models.CharField(_("state"), max_length=8, choices=RunState, default=RunState.RUNNING)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)
    schedules_made = models.PositiveIntegerField(_("schedules made"), default=0)
    slots_made = models.PositiveIntegerField(_("places made"), default=0)
    clashes = models.JSONField(_("clashes"), default=list)
    error = models.CharField(_("error"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("release run")
        verbose_name_plural = _("release runs")
        default_permissions = ("view",)
        permissions = [("run_release", _("Can run the release"))]
        constraints = [
            models.UniqueConstraint(
                fields=["department", "service_date"], name="one_run_per_department_and_date"
            ),
            models.CheckConstraint(
                condition=Q(state__in=RunState.values), name="run_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.department} · {self.service_date}"
