"""Which tables say whose online booking is paused, and for which missed visits?"""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medbook.encryption import SealedTextField
from members.choices import AppealState
from members.models.people import Member, Patient


class SuspensionQuerySet(models.QuerySet["Suspension"]):
    """Suspensions by time."""

    def running(self, now: datetime) -> "SuspensionQuerySet":
        """Keep those that hold at an instant."""
        return self.filter(starts_at__lte=now, ends_at__gt=now)


class Suspension(models.Model):
    """A period in which a member may not book online, or nobody online for a patient."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="suspensions", null=True, verbose_name=_("member")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="suspensions", null=True, verbose_name=_("patient")
    )
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    reason = models.CharField(_("reason"), max_length=200)
    caused_by = models.ForeignKey(
        "Strike", models.PROTECT, related_name="+", null=True, verbose_name=_("caused by")
    )
    appeal = SealedTextField(label="suspension.appeal", null=True)
    appealed_at = models.DateTimeField(_("appealed at"), null=True)

    objects = SuspensionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suspension")
        verbose_name_plural = _("suspensions")
        constraints = [
            # A suspension lifted at once ends where it starts: it never held.
            models.CheckConstraint(
                condition=Q(ends_at__gte=models.F("starts_at")),
                name="suspension_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(member__isnull=True) ^ Q(patient__isnull=True),
                name="suspension_is_of_a_member_or_a_patient",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member or self.patient} {self.ends_at:%Y-%m-%d}"


class StrikeQuerySet(models.QuerySet["Strike"]):
    """Strikes that count."""

    def counting(self, since: datetime) -> "StrikeQuerySet":
        """Keep those from an instant on that staff has not excused."""
        return self.filter(occurred_at__gte=since, excused_at__isnull=True)


class Strike(models.Model):
    """A visit that a patient missed; it follows the patient, whoever booked."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="strikes", verbose_name=_("patient")
    )
    booked_by = models.ForeignKey(
        Member, models.PROTECT, related_name="strikes", null=True, verbose_name=_("booked by")
    )
    reference = models.CharField(_("about"), max_length=80, unique=True)
    occurred_at = models.DateTimeField(_("at"))
    excused_at = models.DateTimeField(_("excused at"), null=True)
    excuse = models.CharField(_("excuse"), max_length=200, blank=True)

    objects = StrikeQuerySet.as_manager()

    class Meta:
        verbose_name = _("missed visit")
        verbose_name_plural = _("missed visits")
        default_permissions = ("view",)
        permissions = [("excuse_strike", _("Can excuse a missed visit"))]

    def __str__(self) -> str:
        return f"{self.occurred_at:%Y-%m-%d}"


class StrikeAppeal(models.Model):
    """What somebody says to a missed visit, once, and what the clinic answers."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    strike = models.OneToOneField(
        Strike, models.PROTECT, related_name="appeal", verbose_name=_("missed visit")
    )
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="strike_appeals", verbose_name=_("member")
    )
    note = SealedTextField(label="strike_appeal.note", null=True)
    state = models.CharField(
        _("state"), max_length=8, choices=AppealState, default=AppealState.OPEN
    )
    answer = SealedTextField(label="strike_appeal.answer", null=True)
    created_at = models.DateTimeField(_("received at"))
    decided_at = models.DateTimeField(_("decided at"), null=True)

    class Meta:
        verbose_name = _("appeal against a missed visit")
        verbose_name_plural = _("appeals against missed visits")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=AppealState.values), name="appeal_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="open") ^ Q(decided_at__isnull=False),
                name="a_decided_appeal_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member} {self.strike}"
