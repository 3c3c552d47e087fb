"""Which tables say what a tier allows, and how a member came into it?"""

import uuid
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.bilingual import Bilingual
from members.rules.privileges import PRIVILEGES


class Tier(models.Model):
    """A level of membership."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.SlugField(_("code"), max_length=20, unique=True)
    name_en = models.CharField(_("name (English)"), max_length=40)
    name_zh = models.CharField(_("name (Chinese)"), max_length=40)
    rank = models.PositiveSmallIntegerField(_("rank"), unique=True)
    points_from = models.PositiveIntegerField(_("points from"), unique=True)

    name = Bilingual("name")

    class Meta:
        verbose_name = _("tier")
        verbose_name_plural = _("tiers")

    def __str__(self) -> str:
        return self.name


class PrivilegeQuerySet(models.QuerySet["Privilege"]):
    """Privilege rows by tier and time."""

    def of(self, tier: Tier, at: datetime) -> "PrivilegeQuerySet":
        """Keep what is said of a tier and already valid, newest last."""
        return self.filter(tier=tier, valid_from__lte=at).order_by("valid_from", "id")


class Privilege(models.Model):
    """What a tier allows from an instant on; the kinds are in rules/privileges.py."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tier = models.ForeignKey(
        Tier, models.PROTECT, related_name="privileges", verbose_name=_("tier")
    )
    key = models.CharField(
        _("privilege"),
        max_length=40,
        choices=[(kind.key, kind.label) for kind in PRIVILEGES.values()],
    )
    value = models.CharField(_("value"), max_length=40)
    valid_from = models.DateTimeField(_("valid from"), default=clock.now)

    objects = PrivilegeQuerySet.as_manager()

    class Meta:
        db_table = "member_privilege"
        verbose_name = _("privilege")
        verbose_name_plural = _("privileges")
        constraints = [
            models.UniqueConstraint(
                fields=["tier", "key", "valid_from"], name="one_privilege_value_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tier} {self.get_key_display()}"

    def clean(self) -> None:
        """Refuse a value that its kind cannot read."""
        kind = PRIVILEGES.get(self.key)
        if kind is None:
            return
        try:
            kind.read(self.value)
        except ValueError as wrong:
            raise ValidationError(
                {"value": _("This is not a valid value for this privilege.")}
            ) from wrong
