"""Which table says what long work was asked for, and how far it is?"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from medbook.encryption import SealedBytesField
from medbook.jobs.choices import UNFINISHED, JobState
from medbook.jobs.kinds import JobKind, SoFar, kind_of

QUIET = timedelta(seconds=30)  # so long a worker says nothing before people are told
SILENT = timedelta(minutes=1)  # a worker that says nothing for so long is taken for dead
CANCEL = "jobs.cancel_job"


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
    state = models.CharField(_("state"), max_length=9, choices=JobState, default=JobState.WAITING)
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
        permissions = [("cancel_job", _("Can cancel the jobs of others"))]
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

    def may_be_cancelled_by(self, user: object) -> bool:
        """Tell whether somebody has a say in whether it goes on: who asked, or who holds CANCEL."""
        has_perm = getattr(user, "has_perm", None)
        return self.is_asked_by(user) or bool(has_perm and has_perm(CANCEL))

    @property
    def may_be_cancelled(self) -> bool:
        """Tell whether it is of a kind that may stop halfway, and not over."""
        return self.is_unfinished and bool(self.if_cancelled)

    @property
    def if_cancelled(self) -> str | Promise:
        """What is kept of it when it is cancelled; '' of a kind that goes on to its end."""
        kind = self._known_kind()
        return kind.if_cancelled if kind else ""

    @property
    def phases(self) -> Mapping[str, str | Promise]:
        """The names of its phases, in order; none where the settings no longer know its kind."""
        kind = self._known_kind()
        return kind.phases if kind else {}

    def so_far(self) -> SoFar | None:
        """Tell what it has come to since it began; None of a kind that does not say."""
        kind = self._known_kind()
        if kind is None or kind.so_far is None or self.started_at is None:
            return None
        return kind.so_far(self.ids, self.started_at)

    @property
    def again(self) -> str:
        """The address at which the same is asked for anew, or ''."""
        kind = self._known_kind()
        return kind.again(self.ids) if kind and kind.again and not self.is_unfinished else ""

    @property
    def percent(self) -> int:
        """How much of it is done, in whole hundredths."""
        return self.done * 100 // self.total if self.total else 0

    @property
    def time_left(self) -> str:
        """Say how long it still takes, or ''."""
        if (seconds := self.seconds_left) is None:
            return ""
        if seconds < 120:
            said = ngettext("about %(count)s second left", "about %(count)s seconds left", seconds)
            return said % {"count": seconds}
        minutes = round(seconds / 60)
        said = ngettext("about %(count)s minute left", "about %(count)s minutes left", minutes)
        return said % {"count": minutes}

    @property
    def seconds_left(self) -> int | None:
        """Guess how long it still takes, once a twentieth is done."""
        has_pace = self.state == JobState.RUNNING and self.done * 20 >= self.total > 0
        if not has_pace or self.started_at is None or self.heartbeat_at is None:
            return None
        pace = (self.heartbeat_at - self.started_at) / max(self.done, 1)
        return int((pace * (self.total - self.done)).total_seconds())

    def is_quiet(self, now: datetime) -> bool:
        """Tell whether nothing has been heard of its worker for a while."""
        is_old = self.heartbeat_at is not None and self.heartbeat_at < now - QUIET
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
