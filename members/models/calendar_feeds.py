"""Which table says who reads their visits in a calendar of their own?"""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models.people import Member


class CalendarFeed(models.Model):
    """A secret address under which a calendar reads a member's visits; only its hash is kept."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    member = models.OneToOneField(
        Member, models.PROTECT, related_name="calendar_feed", verbose_name=_("member")
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("calendar address")
        verbose_name_plural = _("calendar addresses")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.uid)
