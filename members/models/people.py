"""Which tables say who members and patients are, and who may book for whom?"""

import uuid
from datetime import date, datetime, time

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.encryption import BlindIndexField, Sealed, SealedDateField, SealedTextField
from members.choices import ConsentState, IdentityKind, PatientState, Relation, Sex
from members.models.accounts import User
from members.models.tiers import Tier
from members.rules import family, spelling


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
    tier_until = models.DateTimeField(_("tier reviewed at"), null=True)
    demotion_at = models.DateTimeField(_("tier ends at"), null=True)
    granted_until = models.DateTimeField(_("tier granted until"), null=True)
    quiet_from = models.TimeField(_("quiet from"), default=time(21))
    quiet_until = models.TimeField(_("quiet until"), default=time(8))
    erased_at = models.DateTimeField(_("erased at"), null=True)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        permissions = [
            ("suspend_member", _("Can suspend a member and lift a suspension")),
            ("change_member_tier", _("Can change the tier of a member")),
            ("change_phone", _("Can change the phone number of a member")),
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


class FamilyLinkQuerySet(models.QuerySet["FamilyLink"]):
    """Links by whether they hold."""

    def standing(self) -> "FamilyLinkQuerySet":
        """Keep what was not removed."""
        return self.filter(removed_at__isnull=True)


class FamilyLink(models.Model):
    """A member may book for this patient.

    `label`, document and birth date are what the member wrote. Until somebody has consented the
    member is shown these and nothing of the patient's row, which others may have filled.
    `contact_phone` says whom to call about this patient.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    member = models.ForeignKey(Member, models.PROTECT, related_name="links")
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="links")
    relation = models.CharField(_("relation"), max_length=10, choices=Relation)
    label = SealedTextField(label="family_link.label", mask=spelling.masked_name, null=True)
    identity_kind = models.CharField(_("document"), max_length=20, choices=IdentityKind, blank=True)
    identity_number = SealedTextField(
        label="family_link.identity_number", mask=spelling.masked_identity, null=True
    )
    birth_date = SealedDateField(label="family_link.birth_date", null=True)
    contact_phone = SealedTextField(
        label="family_link.contact_phone", mask=spelling.masked_phone, null=True
    )
    consent = models.CharField(
        _("consent"), max_length=10, choices=ConsentState, default=ConsentState.DECLARED
    )
    consent_at = models.DateTimeField(_("consent since"), default=clock.now)
    may_see_records = models.BooleanField(_("may see the health record"), default=False)
    created_at = models.DateTimeField(_("created at"), default=clock.now, editable=False)
    removed_at = models.DateTimeField(_("removed at"), null=True)

    objects = FamilyLinkQuerySet.as_manager()

    class Meta:
        verbose_name = _("family link")
        verbose_name_plural = _("family links")
        permissions = [("confirm_consent", _("Can note a patient's consent"))]
        constraints = [
            models.UniqueConstraint(fields=["member", "patient"], name="one_link_per_patient"),
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(relation=Relation.SELF),
                name="one_own_patient_per_member",
            ),
            models.CheckConstraint(
                condition=Q(consent__in=ConsentState.values), name="consent_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.get_relation_display()

    @property
    def has_consent(self) -> bool:
        """Tell whether the patient, a guardian or the desk has agreed to this link."""
        return self.consent == ConsentState.GIVEN

    @property
    def called(self) -> str:
        """The name by which the member knows the patient, in clear."""
        name = self.label or self.patient.name
        return name.reveal() if name else str(self.patient)

    @property
    def shown_number(self) -> Sealed[str] | None:
        """The document number that the member may recognise."""
        own = None if self.has_consent else self.identity_number
        return own or self.patient.identity_number

    @property
    def shown_kind(self) -> str:
        """The kind of that document."""
        own = "" if self.has_consent else self.identity_kind
        kind = own or self.patient.identity_kind
        return str(IdentityKind(kind).label) if kind else ""

    @property
    def born(self) -> date | None:
        """The birth date, as the member wrote it until somebody has consented; in clear."""
        own = None if self.has_consent else self.birth_date
        known = own or self.patient.birth_date
        return known.reveal() if known else None

    @property
    def shown_state(self) -> PatientState:
        """Whether the document was seen, told only to those whom the patient lets know."""
        is_seen = self.has_consent and self.patient.state == PatientState.VERIFIED
        return PatientState.VERIFIED if is_seen else PatientState.UNVERIFIED

    @property
    def shown_consent(self) -> ConsentState:
        """What the member is told of the consent: nobody consents to oneself."""
        is_open = self.relation == Relation.SELF and self.consent == ConsentState.DECLARED
        return ConsentState.GIVEN if is_open else ConsentState(self.consent)

    def lets_book(self, now: datetime) -> bool:
        """Tell whether the member may book for the patient at an instant."""
        return family.consent_holds(
            relation=self.relation,
            consent=self.consent,
            consent_on=clock.site_date(self.consent_at),
            born=self.born,
            day=clock.site_date(now),
        )

    def speaks(self, now: datetime) -> bool:
        """Tell whether the member may say who else books for the patient.

        That is the patient, or a guardian while the patient is a minor; the desk has seen the
        document of either.
        """
        if not self.has_consent or self.patient.state != PatientState.VERIFIED:
            return False
        if self.relation == Relation.SELF:
            return True
        is_child = self.relation == Relation.CHILD and self.born is not None
        return is_child and family.is_minor(self.born, clock.site_date(now))


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
