"""Which tables say who somebody is and what their tier allows?"""

import uuid
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin, UserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.bilingual import Bilingual
from medbook.encryption import BlindIndexField, SealedDateField, SealedTextField
from members import rules
from members.choices import IdentityKind, PatientState, Relation, Sex


class User(AbstractBaseUser, PermissionsMixin):
    """An account: of a member (user name = member number) or of staff."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    username = models.CharField(_("user name"), max_length=40, unique=True)
    email = models.EmailField(_("e-mail"), blank=True, help_text=_("Work address, staff only."))
    display_name = models.CharField(_("shown name"), max_length=80, blank=True)
    language = models.CharField(
        _("language"), max_length=8, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
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
    """What a tier allows from an instant on; the kinds are in rules.PRIVILEGES."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tier = models.ForeignKey(
        Tier, models.PROTECT, related_name="privileges", verbose_name=_("tier")
    )
    key = models.CharField(
        _("privilege"),
        max_length=40,
        choices=[(kind.key, kind.label) for kind in rules.PRIVILEGES.values()],
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
        kind = rules.PRIVILEGES.get(self.key)
        if kind is None:
            return
        try:
            kind.read(self.value)
        except ValueError as wrong:
            raise ValidationError(
                {"value": _("This is not a valid value for this privilege.")}
            ) from wrong


class Member(models.Model):
    """An account holder. The name is that of the member's own patient."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.OneToOneField(
        User, models.PROTECT, related_name="member", verbose_name=_("account")
    )
    phone = SealedTextField(label="member.phone", mask=rules.masked_phone, null=True)
    phone_index = BlindIndexField(
        of="phone", label="member.phone", normalise=rules.normalised_phone, null=True
    )
    phone_suffix_index = BlindIndexField(
        of="phone",
        label="member.phone_suffix",
        normalise=rules.last_four,
        length=4,
        null=True,
        db_index=True,
    )
    email = SealedTextField(label="member.email", mask=rules.masked_email, null=True)
    tier = models.ForeignKey(Tier, models.PROTECT, related_name="members", verbose_name=_("tier"))
    joined_at = models.DateTimeField(_("joined at"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        permissions = [
            ("suspend_member", _("Can suspend a member and lift a suspension")),
            ("change_member_tier", _("Can change the tier of a member")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["phone_index"], name="one_account_per_phone"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """The member number, which is the account's user name."""
        return self.user.username


class Patient(models.Model):
    """A person to be seen: one row per real person, whoever's account books."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = SealedTextField(label="patient.name", mask=rules.masked_name, null=True)
    name_index = BlindIndexField(
        of="name",
        label="patient.name",
        normalise=rules.normalised_name,
        length=4,
        null=True,
        db_index=True,
    )
    identity_kind = models.CharField(_("document"), max_length=20, choices=IdentityKind, blank=True)
    identity_number = SealedTextField(
        label="patient.identity_number", mask=rules.masked_identity, null=True
    )
    identity_index = BlindIndexField(
        of="identity_number",
        label="patient.identity_number",
        normalise=rules.normalised_resident_id,
        null=True,
    )
    birth_date = SealedDateField(label="patient.birth_date", null=True)
    sex = models.CharField(_("sex"), max_length=8, choices=Sex, default=Sex.UNKNOWN)
    state = models.CharField(
        _("state"), max_length=12, choices=PatientState, default=PatientState.UNVERIFIED
    )
    created_at = models.DateTimeField(_("created at"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("patient")
        verbose_name_plural = _("patients")
        permissions = [
            ("verify_patient", _("Can verify a patient's document")),
            ("reveal_identity", _("Can see a patient's name, document and phone in clear")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["identity_kind", "identity_index"],
                condition=Q(identity_index__isnull=False),
                name="one_patient_per_identity",
            ),
            models.CheckConstraint(
                condition=Q(state__in=PatientState.values), name="patient_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return str(self.name) if self.name else str(_("Unnamed patient"))

    @property
    def has_identity(self) -> bool:
        """Tell whether a document is on record, which online booking needs."""
        return self.identity_index is not None


class FamilyLink(models.Model):
    """A member may book for this patient."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    member = models.ForeignKey(Member, models.PROTECT, related_name="links")
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="links")
    relation = models.CharField(_("relation"), max_length=10, choices=Relation)
    created_at = models.DateTimeField(_("created at"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("family link")
        verbose_name_plural = _("family links")
        constraints = [
            models.UniqueConstraint(fields=["member", "patient"], name="one_link_per_patient"),
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(relation=Relation.SELF),
                name="one_own_patient_per_member",
            ),
        ]

    def __str__(self) -> str:
        return self.get_relation_display()


class SuspensionQuerySet(models.QuerySet["Suspension"]):
    """Suspensions by time."""

    def running(self, now: datetime) -> "SuspensionQuerySet":
        """Keep those that hold at an instant."""
        return self.filter(starts_at__lte=now, ends_at__gt=now)


class Suspension(models.Model):
    """A period in which a member may not book online."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    member = models.ForeignKey(Member, models.PROTECT, related_name="suspensions")
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    reason = models.CharField(_("reason"), max_length=200)

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
        ]

    def __str__(self) -> str:
        return f"{self.member} {self.ends_at:%Y-%m-%d}"


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
