"""Which tables say who is insured how, and what insurers are asked to bear?"""

import uuid
from datetime import date, datetime
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from billing.choices import ClaimState, Insurer, PolicyState
from billing.errors import WrongState
from billing.models.invoices import Invoice
from billing.rules.insurance import Terms, Used, masked_number, normalised_number
from medbook import money
from medbook.bilingual import Bilingual
from medbook.encryption import BlindIndexField, SealedTextField
from medbook.references import new_reference
from members.models import FamilyLink, Patient

S = ClaimState
MOVES: dict[ClaimState, tuple[ClaimState, ...]] = {
    S.QUOTED: (S.SUBMITTED, S.REVERSED),
    S.SUBMITTED: (S.ACCEPTED, S.PART_ACCEPTED, S.REJECTED, S.REVERSED),
    S.ACCEPTED: (S.REVERSED,),
    S.PART_ACCEPTED: (S.REVERSED,),
    S.REJECTED: (S.REVERSED,),
    S.REVERSED: (),
}
IS_LIVE = ~Q(state="reversed")
NOTHING = Decimal(0)


class InsurancePlan(models.Model):
    """What an insurer bears of visits. Once somebody is insured by it, its terms stay."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.SlugField(_("code"), max_length=20, unique=True)
    name_en = models.CharField(_("name (English)"), max_length=60)
    name_zh = models.CharField(_("name (Chinese)"), max_length=60)
    is_statutory = models.BooleanField(
        _("statutory insurance"),
        default=False,
        help_text=_("Fees that it covers are not discounted."),
    )
    insurer = models.CharField(_("insurer"), max_length=20, choices=Insurer)
    rate = models.DecimalField(
        _("share borne"),
        max_digits=4,
        decimal_places=3,
        validators=[MinValueValidator(Decimal("0.001")), MaxValueValidator(1)],
        help_text=_("0.65 means 65 %."),
    )
    deductible = models.DecimalField(
        _("deductible in a calendar year"),
        max_digits=12,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(0)],
    )
    yearly_cap = models.DecimalField(
        _("most in a calendar year"),
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )
    uncovered = models.JSONField(
        _("kinds of visit not covered"),
        default=list,
        blank=True,
        help_text=_('Codes of kinds of visit, such as ["checkup"].'),
    )
    is_active = models.BooleanField(_("active"), default=True)

    name = Bilingual("name")

    class Meta:
        verbose_name = _("insurance plan")
        verbose_name_plural = _("insurance plans")
        default_permissions = ("view", "add", "change")
        constraints = [
            models.CheckConstraint(
                condition=Q(rate__gt=0, rate__lte=1, deductible__gte=0)
                & (Q(yearly_cap__isnull=True) | Q(yearly_cap__gte=0)),
                name="insurance_plan_terms_can_be",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def terms(self) -> Terms:
        """What the plan bears, as the rules take it."""
        return Terms(self.rate, self.deductible, self.yearly_cap)


class InsurancePolicyQuerySet(models.QuerySet["InsurancePolicy"]):
    """Policies by whether they hold, and for whom."""

    def standing(self) -> "InsurancePolicyQuerySet":
        """Keep what was neither ended nor erased."""
        return self.filter(ended_at__isnull=True, number_index__isnull=False)

    def valid_on(self, day: date) -> "InsurancePolicyQuerySet":
        """Keep what bears visits of a day."""
        rows = self.standing().filter(plan__is_active=True, valid_from__lte=day)
        return rows.filter(Q(valid_to__isnull=True) | Q(valid_to__gte=day))

    def seen_through(self, link: FamilyLink) -> "InsurancePolicyQuerySet":
        """Keep a patient's that a member may see: without consent, only what that member added."""
        rows = self.filter(patient=link.patient_id)
        return rows if link.has_consent else rows.filter(added_by=link.member_id)


class InsurancePolicy(models.Model):
    """A patient is insured by a plan, under a number."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(
        "members.Patient",
        models.PROTECT,
        related_name="insurance_policies",
        verbose_name=_("patient"),
    )
    plan = models.ForeignKey(
        InsurancePlan, models.PROTECT, related_name="policies", verbose_name=_("insurance plan")
    )
    number = SealedTextField(label="insurance_policy.number", mask=masked_number, null=True)
    number_index = BlindIndexField(
        of="number", label="insurance_policy.number", normalise=normalised_number, null=True
    )
    valid_from = models.DateField(_("valid from"))
    valid_to = models.DateField(_("valid until"), null=True)
    added_by = models.ForeignKey(
        "members.Member", models.PROTECT, related_name="+", verbose_name=_("added by")
    )
    added_at = models.DateTimeField(_("added at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)

    objects = InsurancePolicyQuerySet.as_manager()

    class Meta:
        verbose_name = _("insurance policy")
        verbose_name_plural = _("insurance policies")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "number_index"],
                condition=Q(ended_at__isnull=True),
                name="one_standing_policy_per_plan_and_number",
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="insurance_policy_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return str(self.uid)

    @property
    def shown(self) -> str:
        """The plan and the end of the number, as the member knows it."""
        return f"{self.plan.name} {self.number}"

    def state_on(self, day: date) -> PolicyState:
        """Tell whether a day lies within the period, before or after it."""
        if day < self.valid_from:
            return PolicyState.NOT_YET
        is_over = self.valid_to is not None and self.valid_to < day
        return PolicyState.RUN_OUT if is_over else PolicyState.VALID


class ClaimQuerySet(models.QuerySet["Claim"]):
    """Claims by what is to be done with them."""

    def live(self) -> "ClaimQuerySet":
        """Keep what was not reversed, at most one per invoice."""
        return self.filter(IS_LIVE)

    def due(self, now: datetime) -> "ClaimQuerySet":
        """Keep what an insurer is to hear of by now: the invoice is paid, or no answer came."""
        is_new = Q(state=S.QUOTED, quoted__gt=0, invoice__paid_at__isnull=False)
        return self.filter(is_new | Q(next_attempt_at__lte=now))

    def used(self, plan: InsurancePlan, patient: Patient, year: int) -> Used:
        """Sum up what visits of a year use of a plan's terms (one query)."""
        counted = self.live().exclude(state=S.REJECTED)
        mine = counted.filter(policy__plan=plan, policy__patient=patient, year=year)
        sums = mine.aggregate(
            deductible=Coalesce(Sum("deducted"), NOTHING),
            cap=Coalesce(Sum(Coalesce("accepted", "quoted")), NOTHING),
        )
        return Used(**sums)


class Claim(models.Model):
    """What an insurer is asked to bear of an invoice.

    A claim of nothing only counts towards the deductible and is never submitted. Whoever changes a
    claim holds the lock of its invoice. `next_attempt_at` says when the insurer is spoken to again:
    about a claim without an answer, or about one that is reversed and that it may have heard of.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    reference = models.CharField(
        _("number"), max_length=10, unique=True, default=new_reference, editable=False
    )
    policy = models.ForeignKey(
        InsurancePolicy, models.PROTECT, related_name="claims", verbose_name=_("insurance policy")
    )
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, related_name="claims", verbose_name=_("invoice")
    )
    year = models.PositiveSmallIntegerField(_("year"))
    deducted = models.DecimalField(_("deducted"), max_digits=12, decimal_places=2)
    quoted = models.DecimalField(_("asked for"), max_digits=12, decimal_places=2)
    accepted = models.DecimalField(_("accepted"), max_digits=12, decimal_places=2, null=True)
    state = models.CharField(_("state"), max_length=14, choices=ClaimState, default=S.QUOTED)
    quoted_at = models.DateTimeField(_("quoted at"))
    submitted_at = models.DateTimeField(_("submitted at"), null=True)
    answered_at = models.DateTimeField(_("answered at"), null=True)
    reversed_at = models.DateTimeField(_("reversed at"), null=True)
    paid_at = models.DateTimeField(_("paid at"), null=True)
    paid_back_at = models.DateTimeField(_("paid back at"), null=True)
    transaction = models.CharField(_("insurer's number"), max_length=64, blank=True)
    message = models.CharField(_("the insurer's words"), max_length=200, blank=True)
    next_attempt_at = models.DateTimeField(_("insurer asked again at"), null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)

    objects = ClaimQuerySet.as_manager()

    class Meta:
        verbose_name = _("insurance claim")
        verbose_name_plural = _("insurance claims")
        default_permissions = ("view",)
        permissions = [("check_claim_statement", _("Can check the statements of insurers"))]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"], condition=IS_LIVE, name="one_live_claim_per_invoice"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ClaimState.values), name="claim_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(quoted__gte=0, deducted__gte=0)
                & (Q(accepted__isnull=True) | Q(accepted__gte=0, accepted__lte=F("quoted"))),
                name="claim_amounts_can_be",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["quoted", "submitted"], accepted__isnull=True)
                | Q(state="accepted", accepted=F("quoted"))
                | Q(state="part_accepted", accepted__gt=0, accepted__lt=F("quoted"))
                | Q(state="rejected", accepted=0)
                | Q(state="reversed"),
                name="claim_accepted_says_how_much",
            ),
            models.CheckConstraint(
                condition=Q(state="reversed", reversed_at__isnull=False)
                | (~Q(state="reversed") & Q(reversed_at__isnull=True)),
                name="claim_reversed_at_says_reversed",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="claim_to_ask_about",
            ),
            models.Index(fields=["state"], condition=Q(state="quoted"), name="claim_to_submit"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def number(self) -> str:
        """How the insurer knows it: 32 hexadecimal digits."""
        return self.uid.hex

    @property
    def borne(self) -> Decimal:
        """What the insurer bears, as far as it has said."""
        return self.quoted if self.accepted is None else self.accepted

    @property
    def shown_quoted(self) -> str:
        """The amount asked for, with its currency."""
        return money.shown(self.quoted, self.invoice.currency)

    @property
    def shown_accepted(self) -> str:
        """The amount that the insurer bears, with its currency; "–" until it has decided."""
        if self.accepted is None:
            return "–"
        return money.shown(self.accepted, self.invoice.currency)

    def move_to(self, state: ClaimState) -> None:
        """Change the state in memory if that move is allowed. Raises: WrongState."""
        if state not in MOVES[ClaimState(self.state)]:
            raise WrongState(state=self.get_state_display())
        self.state = state
