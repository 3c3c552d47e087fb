"""Which table says in which browsers somebody is signed in?"""

import uuid

from django.contrib.sessions.models import Session
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models.accounts import User


class BrowserSession(models.Model):
    """One sign-in in one browser. It goes with its session, and the session with it."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="browser_sessions")
    session = models.OneToOneField(Session, models.CASCADE, related_name="+")
    browser = models.CharField(_("browser"), max_length=40, blank=True)
    system = models.CharField(_("system"), max_length=40, blank=True)
    network = models.CharField(_("network"), max_length=60)
    signed_in_at = models.DateTimeField(_("signed in at"))
    last_seen_at = models.DateTimeField(_("last seen at"))

    class Meta:
        verbose_name = _("browser session")
        verbose_name_plural = _("browser sessions")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.uid)
