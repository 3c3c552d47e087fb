"""Which table says how many points a member has, and why?"""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.choices import PointReason
from members.models.accounts import User
from members.models.people import Member

ADDS = (PointReason.EARNED, PointReason.GIVEN_BACK, PointReason.ADJUSTED)


class PointEntry(models.Model):
    """One line of a member's points: written under the member's lock, never changed.

    `balance_after` of the last line is the balance. `reference` names the cause; the same reason
    and reference are written once, so a replay adds nothing.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    member = models.ForeignKey(
        Member, models.PROTECT, related_name="points", verbose_name=_("member")
    )
    seq = models.PositiveIntegerField(_("number"))
    at = models.DateTimeField(_("at"))
    amount = models.IntegerField(_("points"))
    balance_after = models.IntegerField(_("balance"))
    reason = models.CharField(_("what"), max_length=12, choices=PointReason)
    reference = models.CharField(_("reference"), max_length=120)
    expires_at = models.DateTimeField(_("expires at"), null=True)
    note = models.CharField(_("reason"), max_length=200, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, verbose_name=_("by"))

    class Meta:
        verbose_name = _("points entry")
        verbose_name_plural = _("points entries")
        default_permissions = ("view",)
        permissions = [("adjust_points", _("Can adjust a member's points"))]
        constraints = [
            models.UniqueConstraint(fields=["member", "seq"], name="one_point_entry_per_number"),
            models.UniqueConstraint(
                fields=["reason", "reference"], name="one_point_entry_per_cause"
            ),
            models.CheckConstraint(condition=Q(seq__gte=1), name="point_entries_count_from_one"),
            models.CheckConstraint(condition=~Q(amount=0), name="a_point_entry_moves_points"),
            models.CheckConstraint(
                condition=Q(balance_after__gte=0)
                | Q(reason=PointReason.TAKEN_BACK)
                | Q(amount__gt=0),
                name="only_a_take_back_overdraws_points",
            ),
            models.CheckConstraint(
                condition=Q(reason__in=PointReason.values), name="point_reason_is_known"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(amount__gt=0, reason__in=ADDS),
                name="only_what_is_added_expires",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False),
                name="point_entry_expires",
            ),
            models.Index(fields=["member", "-at"], name="point_entry_member_at"),
        ]

    def __str__(self) -> str:
        return f"{self.amount:+d}"
