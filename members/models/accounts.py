"""Which tables say who may sign in, and with what?"""

import uuid

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin, UserManager
from django.db import models
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from medbook import clock
from members.choices import CodePurpose, TextSize, Theme


class User(AbstractBaseUser, PermissionsMixin):
    """An account: of a member (user name = member number) or of staff."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    username = models.CharField(_("user name"), max_length=40, unique=True)
    email = models.EmailField(_("e-mail"), blank=True, help_text=_("Work address, staff only."))
    display_name = models.CharField(_("shown name"), max_length=80, blank=True)
    language = models.CharField(
        _("language"), max_length=8, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
    )
    theme = models.CharField(
        _("theme"), max_length=8, choices=Theme, default=Theme.SYSTEM, blank=True
    )
    text_size = models.CharField(
        _("text size"), max_length=8, choices=TextSize, default=TextSize.NORMAL, blank=True
    )
    is_staff = models.BooleanField(_("staff"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    token_version = models.PositiveIntegerField(_("token version"), default=0)
    date_joined = models.DateTimeField(_("joined at"), default=clock.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.display_name or self.username

    def set_password(self, raw_password: str | None) -> None:
        """Set a password; once it is saved, all API tokens given out before are void."""
        super().set_password(raw_password)
        self.token_version += 1

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Bind sessions to password and token version: what voids tokens ends sessions, too."""
        said = f"{self.password}:{self.token_version}"
        return salted_hmac("members.session", said, secret=secret, algorithm="sha256").hexdigest()


class TokenFamily(models.Model):
    """One sign-in of an API client: its refresh tokens follow one another, one at a time."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="token_families")
    current_token_id = models.UUIDField(_("current token"))
    created_at = models.DateTimeField(_("created at"), default=clock.now, editable=False)
    expires_at = models.DateTimeField(_("expires at"), db_index=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True)

    class Meta:
        verbose_name = _("token family")
        verbose_name_plural = _("token families")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.uid)


class OneTimeCode(models.Model):
    """A code on its way to a phone, and how often somebody has tried it.

    Neither the number nor the code is here: of the number its blind index, of the code a keyed
    digest bound to number and purpose. Limits are counted from these rows.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    purpose = models.CharField(_("purpose"), max_length=16, choices=CodePurpose)
    phone_index = models.BinaryField(max_length=32)
    code_digest = models.BinaryField(max_length=32)
    network = models.CharField(_("network"), max_length=60)
    created_at = models.DateTimeField(_("created at"))
    expires_at = models.DateTimeField(_("expires at"))
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    used_at = models.DateTimeField(_("used at"), null=True)

    class Meta:
        verbose_name = _("one-time code")
        verbose_name_plural = _("one-time codes")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(tries__lte=5), name="a_code_is_tried_five_times"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("created_at")), name="a_code_lives_for_a_while"
            ),
            models.CheckConstraint(
                condition=Q(purpose__in=CodePurpose.values), name="code_purpose_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["phone_index", "-created_at"], name="one_time_code_phone"),
            models.Index(fields=["created_at"], name="one_time_code_created"),
        ]

    def __str__(self) -> str:
        return self.get_purpose_display()
