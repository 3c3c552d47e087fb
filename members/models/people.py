"""Which tables say who members and patients are?"""

import uuid
from datetime import time

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.encryption import BlindIndexField, SealedDateField, SealedTextField
from members.choices import IdentityKind, PatientState, Sex
from members.models.accounts import User
from members.models.tiers import Tier
from members.rules import spelling


class Member(models.Model):
    """An account holder. The name is that of the member's own patient."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.OneToOneField(
        User, models.PROTECT, related_name="member", verbose_name=_("account")
    )
    phone = SealedTextField(label="member.phone", mask=spelling.masked_phone, null=True)
    phone_index = BlindIndexField(
        of="phone", label="member.phone", normalise=spelling.normalised_phone, null=True
    )
    phone_suffix_index = BlindIndexField(
        of="phone",
        label="member.phone_suffix",
        normalise=spelling.last_four,
        length=4,
        null=True,
        db_index=True,
    )
    email = SealedTextField(label="member.email", mask=spelling.masked_email, null=True)
    tier = models.ForeignKey(Tier, models.PROTECT, related_name="members", verbose_name=_("tier"))
    joined_at = models.DateTimeField(_("joined at"), default=clock.now, editable=False)
    phone_verified_at = models.DateTimeField(_("phone confirmed at"), null=True)
    tier_until = models.DateTimeField(_("tier reviewed at"), null=True, blank=True)
    demotion_at = models.DateTimeField(_("tier ends at"), null=True, blank=True)
    granted_until = models.DateTimeField(_("tier granted until"), null=True, blank=True)
    quiet_from = models.TimeField(_("quiet from"), default=time(21))
    quiet_until = models.TimeField(_("quiet until"), default=time(8))
    erased_at = models.DateTimeField(_("erased at"), null=True, blank=True)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        permissions = [
            ("suspend_member", _("Can suspend a member and lift a suspension")),
            ("change_member_tier", _("Can change the tier of a member")),
            ("change_phone", _("Can change the phone number of a member")),
            ("erase_member", _("Can erase a member")),
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
    """A person to be seen: one row per real person, whoever's account books.

    A row that turned out to be about somebody known already keeps its document, so that the
    document leads to the row it is `joined_to`.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = SealedTextField(label="patient.name", mask=spelling.masked_name, null=True)
    name_index = BlindIndexField(
        of="name",
        label="patient.name",
        normalise=spelling.normalised_name,
        length=4,
        null=True,
        db_index=True,
    )
    identity_kind = models.CharField(_("document"), max_length=20, choices=IdentityKind, blank=True)
    identity_number = SealedTextField(
        label="patient.identity_number", mask=spelling.masked_identity, null=True
    )
    identity_index = BlindIndexField(
        of="identity_number",
        label="patient.identity_number",
        normalise=spelling.compact_document,
        null=True,
    )
    birth_date = SealedDateField(label="patient.birth_date", null=True)
    sex = models.CharField(_("sex"), max_length=8, choices=Sex, default=Sex.UNKNOWN)
    state = models.CharField(
        _("state"), max_length=12, choices=PatientState, default=PatientState.UNVERIFIED
    )
    joined_to = models.ForeignKey(
        "self", models.PROTECT, related_name="joined", null=True, verbose_name=_("joined to")
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
