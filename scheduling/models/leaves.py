"""When do doctors not sit?"""

import uuid

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from scheduling.choices import LeaveReason, LeaveState
from scheduling.models.catalogue import Doctor
from scheduling.models.ranges import one, period

STANDING = (LeaveState.CONFIRMED, LeaveState.DONE)


class LeaveQuerySet(models.QuerySet["Leave"]):
    """Leaves by state."""

    def standing(self) -> "LeaveQuerySet":
        """Keep those that count: nobody is seen then."""
        return self.filter(state__in=STANDING)


class Leave(models.Model):
    """A period in which a doctor does not sit; a draft changes nothing yet."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    doctor = models.ForeignKey(
        Doctor, models.PROTECT, related_name="leaves", verbose_name=_("doctor")
    )
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    reason = models.CharField(_("reason"), max_length=10, choices=LeaveReason)
    note = models.CharField(_("note for staff"), max_length=200, blank=True)
    state = models.CharField(
        _("state"), max_length=10, choices=LeaveState, default=LeaveState.DRAFT
    )
    is_emergency = models.BooleanField(_("emergency"), default=False)
    created_at = models.DateTimeField(_("created at"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("written by")
    )
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    objects = LeaveQuerySet.as_manager()

    class Meta:
        verbose_name = _("leave")
        verbose_name_plural = _("leaves")
        default_permissions = ("view",)
        permissions = [("call_off_today", _("Can call a doctor's day off in an emergency"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")), name="leave_starts_before_it_ends"
            ),
            models.CheckConstraint(
                condition=Q(state__in=LeaveState.values), name="leave_state_is_known"
            ),
            ExclusionConstraint(
                name="one_leave_at_a_time",
                expressions=[
                    (one("doctor"), RangeOperators.OVERLAPS),
                    (period("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                condition=Q(state__in=[state.value for state in STANDING]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.doctor} · {self.starts_at:%Y-%m-%d}"

    @property
    def time_zone(self) -> str:
        """The zone in which this leave's times are said."""
        return self.doctor.department.clinic.time_zone
