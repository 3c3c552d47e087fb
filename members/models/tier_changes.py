"""Which table says how members came into their tiers?"""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.choices import TierChangeKind
from members.models.accounts import User
from members.models.people import Member
from members.models.tiers import Tier


class TierChange(models.Model):
    """A step of a member from one tier to another, and why. Written once."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="tier_changes", verbose_name=_("member")
    )
    from_tier = models.ForeignKey(
        Tier, models.PROTECT, related_name="+", null=True, verbose_name=_("from")
    )
    to_tier = models.ForeignKey(Tier, models.PROTECT, related_name="+", verbose_name=_("to"))
    kind = models.CharField(_("kind"), max_length=12, choices=TierChangeKind)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    points = models.IntegerField(_("points of 365 days"), null=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, verbose_name=_("by"))
    until = models.DateTimeField(_("until"), null=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("change of tier")
        verbose_name_plural = _("changes of tier")
        default_permissions = ("view",)
        indexes = [models.Index(fields=["member", "-at"], name="tier_change_member")]

    def __str__(self) -> str:
        return f"{self.from_tier or ''} → {self.to_tier}"
