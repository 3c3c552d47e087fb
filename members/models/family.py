"""Which table says who may book for whom, and what is a member shown of a patient?"""

import uuid
from datetime import date, datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.encryption import Sealed, SealedDateField, SealedTextField
from members.choices import ConsentState, IdentityKind, PatientState, Relation
from members.models.people import Member, Patient
from members.rules import family, spelling


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
        return (name.reveal() if name else "") or str(_("Unnamed patient"))

    @property
    def masked(self) -> str:
        """The same name, masked."""
        return str(self.label or self.patient)

    @property
    def shown_number(self) -> Sealed[str] | None:
        """The document number that the member may recognise."""
        own = None if self.has_consent else self.identity_number
        return own or self.patient.identity_number

    @property
    def shown_kind_code(self) -> str:
        """The kind of that document; "" without one."""
        own = "" if self.has_consent else self.identity_kind
        return own or self.patient.identity_kind

    @property
    def shown_kind(self) -> str:
        """The same in words."""
        kind = self.shown_kind_code
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

    def age(self, now: datetime) -> int | None:
        """The completed years at an instant; None where no birth date is known."""
        return family.age_on(clock.site_date(now), self.born) if self.born else None

    def lets_book(self, now: datetime) -> bool:
        """Tell whether the member may book for the patient at an instant."""
        return family.consent_holds(
            relation=self.relation,
            consent=self.consent,
            consent_on=clock.site_date(self.consent_at),
            born=self.born,
            day=clock.site_date(now),
        )

    def asks_own_consent_on(self) -> date | None:
        """Tell on which day the patient's own consent is needed; None where it never is."""
        return family.asks_own_consent_on(
            relation=self.relation,
            consent_on=clock.site_date(self.consent_at),
            born=self.born,
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
        born = self.born if self.relation == Relation.CHILD else None
        return born is not None and family.is_minor(born, clock.site_date(now))
