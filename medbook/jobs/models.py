"""Which table says what long work was asked for, and how far it is?"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from medbook.encryption import SealedBytesField
from medbook.jobs.choices import UNFINISHED, JobState
from medbook.jobs.kinds import JobKind, kind_of

SILENT = timedelta(minutes=1)  # a worker that says nothing for so long is taken for dead


class JobQuerySet(models.QuerySet["Job"]):
    """Jobs by what is still to be done."""

    def due(self, now: datetime) -> "JobQuerySet":
        """Keep what waits, and what a worker has left lying."""
        silent = Q(state=JobState.RUNNING, heartbeat_at__lt=now - SILENT)
        return self.filter(Q(state=JobState.WAITING) | silent)

    def unfinished(self) -> "JobQuerySet":
        """Keep what waits or runs."""
        return self.filter(state__in=UNFINISHED)

    def of(self, asked_by_uid: uuid.UUID, kind: str) -> "JobQuerySet":
        """Keep what somebody has asked for, of one kind."""
        return self.filter(asked_by_uid=asked_by_uid, kind=kind)


class Job(models.Model):
    """One piece of long work. Holds ids only; its result is sealed, and gone after some days."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=40)
    asked_by_uid = models.UUIDField(_("asked by"))
    ids = models.JSONField(_("ids"), default=dict)
    state = models.CharField(_("state"), max_length=8, choices=JobState, default=JobState.WAITING)
    phase = models.CharField(_("phase"), max_length=40, blank=True)
    done = models.PositiveIntegerField(_("done"), default=0)
    total = models.PositiveIntegerField(_("of"), default=0)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    result = SealedBytesField(label="job.result", null=True)
    result_name = models.CharField(_("file"), max_length=120, blank=True)
    content_type = models.CharField(_("content type"), max_length=80, blank=True)
    created_at = models.DateTimeField(_("asked at"))
    started_at = models.DateTimeField(_("started at"), null=True)
    heartbeat_at = models.DateTimeField(_("last heard of"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    expires_at = models.DateTimeField(_("kept until"), null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=JobState.values), name="job_state_is_known"
            ),
            models.CheckConstraint(condition=Q(done__lte=F("total")), name="job_does_not_overdo"),
            models.CheckConstraint(
                condition=Q(result__isnull=True) | Q(state="done", expires_at__isnull=False),
                name="a_job_result_is_kept_for_a_while",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(state__in=("waiting", "running")), name="job_unfinished"
            ),
            models.Index(fields=["asked_by_uid", "-created_at"], name="job_asked_by"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def label(self) -> str | Promise:
        """The name of the kind; its key where the settings no longer know it."""
        kind = self._known_kind()
        return kind.label if kind else self.kind

    @property
    def phase_label(self) -> str | Promise:
        """The name of the phase, or ''."""
        kind = self._known_kind()
        return kind.phases.get(self.phase, "") if kind else ""

    def is_asked_by(self, user: object) -> bool:
        """Tell whether somebody has asked for it."""
        return self.asked_by_uid == getattr(user, "uid", None)

    @property
    def phases(self) -> Mapping[str, str | Promise]:
        """The names of its phases, in order; none where the settings no longer know its kind."""
        kind = self._known_kind()
        return kind.phases if kind else {}

    @property
    def seconds_left(self) -> int | None:
        """Guess how long it still takes, once a twentieth is done."""
        has_pace = self.state == JobState.RUNNING and self.done * 20 >= self.total > 0
        if not has_pace or self.started_at is None or self.heartbeat_at is None:
            return None
        pace = (self.heartbeat_at - self.started_at) / max(self.done, 1)
        return int((pace * (self.total - self.done)).total_seconds())

    def is_silent(self, now: datetime) -> bool:
        """Tell whether its worker is taken for dead."""
        is_old = self.heartbeat_at is not None and self.heartbeat_at < now - SILENT
        return self.state == JobState.RUNNING and is_old

    @property
    def is_unfinished(self) -> bool:
        """Tell whether it waits or runs."""
        return self.state in UNFINISHED

    @property
    def has_result(self) -> bool:
        """Tell whether there is a file to fetch."""
        return self.result is not None

    def _known_kind(self) -> JobKind | None:
        return kind_of(self.kind) if self.kind in settings.JOB_KINDS else None
