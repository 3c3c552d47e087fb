"""Which wishes wait for a place, and to whom is which place offered?"""

import uuid
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from appointments.choices import EntryState, HalfDay, OfferState
from appointments.errors import WrongState
from appointments.models.appointments import Appointment
from members.models import Member, Patient

OPEN_ENTRIES = (EntryState.WAITING, EntryState.OFFERED)
E = EntryState
ENTRY_MOVES: dict[EntryState, tuple[EntryState, ...]] = {
    E.WAITING: (E.OFFERED, E.LEFT),
    E.OFFERED: (E.FULFILLED, E.WAITING, E.LAPSED, E.LEFT),
    E.FULFILLED: (E.WAITING, E.LAPSED),  # the accepted place was not confirmed in time
    E.LAPSED: (),
    E.LEFT: (),
}
IS_OPEN = Q(state__in=[state.value for state in OPEN_ENTRIES])


def every_half_day() -> list[str]:
    """Name all half-days: a wish that excludes none."""
    return [str(half) for half in HalfDay.values]


def called(patient: Patient) -> str:
    """Say a patient's name as the booker wrote it, where it was fetched along."""
    links = getattr(patient, "links_of_booker", ())
    return str(links[0].called if links else patient)


class WaitlistQuerySet(models.QuerySet["WaitlistEntry"]):
    """Wishes by state."""

    def waiting(self) -> "WaitlistQuerySet":
        """Keep those to which a place may be offered."""
        return self.filter(state=EntryState.WAITING)

    def open(self) -> "WaitlistQuerySet":
        """Keep those that may still come true."""
        return self.filter(state__in=OPEN_ENTRIES)


class WaitlistEntry(models.Model):
    """A wish for a place: of a schedule, of a doctor, or of a department."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    member = models.ForeignKey(
        "members.Member", models.PROTECT, related_name="waitlist", verbose_name=_("member")
    )
    patient = models.ForeignKey(
        "members.Patient", models.PROTECT, related_name="waitlist", verbose_name=_("patient")
    )
    department = models.ForeignKey(
        "scheduling.Department", models.PROTECT, related_name="+", verbose_name=_("department")
    )
    doctor = models.ForeignKey(
        "scheduling.Doctor", models.PROTECT, null=True, related_name="+", verbose_name=_("doctor")
    )
    schedule = models.ForeignKey(
        "scheduling.Schedule",
        models.PROTECT,
        null=True,
        related_name="waitlist",
        verbose_name=_("schedule"),
    )
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    half_days: Any = ArrayField(
        models.CharField(max_length=10, choices=HalfDay),
        default=every_half_day,
        verbose_name=_("times of day"),
    )
    weight = models.PositiveSmallIntegerField(_("weight"), default=1)
    state = models.CharField(
        _("state"), max_length=10, choices=EntryState, default=EntryState.WAITING
    )
    lapses = models.PositiveSmallIntegerField(_("offers not answered"), default=0)
    joined_at = models.DateTimeField(_("joined at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)

    objects = WaitlistQuerySet.as_manager()

    class Meta:
        verbose_name = _("waitlist entry")
        verbose_name_plural = _("waitlist entries")
        default_permissions = ("view",)
        permissions = [("offer_place", _("Can offer a free place to who waits"))]
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "department", "doctor", "schedule"],
                condition=IS_OPEN,
                nulls_distinct=False,
                name="one_open_wish_per_patient_and_target",
            ),
            models.CheckConstraint(
                condition=Q(state__in=EntryState.values), name="entry_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(first_day__lte=F("last_day")), name="entry_has_days"
            ),
            models.CheckConstraint(
                condition=Q(schedule__isnull=True) | Q(doctor__isnull=False),
                name="entry_for_a_schedule_names_its_doctor",
            ),
            models.CheckConstraint(
                condition=(IS_OPEN & Q(ended_at__isnull=True))
                | (~IS_OPEN & Q(ended_at__isnull=False)),
                name="entry_ended_at_says_ended",
            ),
        ]
        indexes = [
            models.Index(
                fields=["department", "-weight", "joined_at"],
                condition=Q(state="waiting"),
                name="waitlist_next",
            ),
            models.Index(fields=["member", "-joined_at"], name="waitlist_of_member"),
        ]

    def __str__(self) -> str:
        return f"{self.schedule or self.doctor or self.department} · {self.get_state_display()}"

    @property
    def time_zone(self) -> str:
        """The zone in which this wish's days are meant."""
        return self.department.clinic.time_zone

    @property
    def is_open(self) -> bool:
        """Tell whether it may still come true."""
        return self.state in OPEN_ENTRIES

    @property
    def half_day_labels(self) -> list[Promise]:
        """The wished times of day, in words and in order; none where any will do."""
        wished: list[Promise] = [half.label for half in HalfDay if half in self.half_days]
        return wished if len(wished) < len(HalfDay) else []

    @property
    def patient_called(self) -> str:
        """The patient's name as the booker wrote it; selectors.waitlist fetches it."""
        return called(self.patient)

    def move_to(self, state: EntryState, now: datetime) -> None:
        """Change the state in memory if that move is allowed. Raises: WrongState."""
        if state not in ENTRY_MOVES[EntryState(self.state)]:
            raise WrongState(state=self.get_state_display())
        self.state = state
        self.ended_at = None if state in OPEN_ENTRIES else now


class OfferQuerySet(models.QuerySet["Offer"]):
    """Offers by state and time."""

    def open(self) -> "OfferQuerySet":
        """Keep those that hold a place."""
        return self.filter(state=OfferState.OPEN)

    def lapsed(self, now: datetime) -> "OfferQuerySet":
        """Keep the open ones whose time has run out."""
        return self.open().filter(expires_at__lte=now)


class Offer(models.Model):
    """A place kept for one wish, or for one appointment that the clinic called off."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slot = models.ForeignKey(
        "scheduling.Slot", models.PROTECT, related_name="offers", verbose_name=_("place")
    )
    entry = models.ForeignKey(
        WaitlistEntry, models.PROTECT, null=True, related_name="offers", verbose_name=_("wish")
    )
    called_off = models.ForeignKey(
        "appointments.Appointment",
        models.PROTECT,
        null=True,
        related_name="offers",
        verbose_name=_("called-off appointment"),
    )
    appointment = models.OneToOneField(
        "appointments.Appointment",
        models.PROTECT,
        null=True,
        related_name="from_offer",
        verbose_name=_("appointment made of it"),
    )
    state = models.CharField(_("state"), max_length=10, choices=OfferState, default=OfferState.OPEN)
    created_at = models.DateTimeField(_("created at"))
    expires_at = models.DateTimeField(_("kept until"))
    ended_at = models.DateTimeField(_("ended at"), null=True)

    objects = OfferQuerySet.as_manager()

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["slot"], condition=Q(state="open"), name="one_open_offer_per_slot"
            ),
            models.UniqueConstraint(
                fields=["entry"], condition=Q(state="open"), name="one_open_offer_per_wish"
            ),
            models.CheckConstraint(
                condition=Q(entry__isnull=True, called_off__isnull=False)
                | Q(entry__isnull=False, called_off__isnull=True),
                name="offer_has_one_cause",
            ),
            models.CheckConstraint(
                condition=Q(state__in=OfferState.values), name="offer_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="open", ended_at__isnull=True)
                | (~Q(state="open") & Q(ended_at__isnull=False)),
                name="offer_ended_at_says_ended",
            ),
            models.CheckConstraint(
                condition=Q(appointment__isnull=True) | Q(state="accepted"),
                name="only_an_accepted_offer_made_an_appointment",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="open"), name="offer_open_until"),
        ]

    def __str__(self) -> str:
        return f"{self.slot} · {self.get_state_display()}"

    @property
    def cause(self) -> "WaitlistEntry | Appointment":
        """The wish, or the called-off appointment, for which the place is kept."""
        cause = self.entry or self.called_off
        assert cause is not None  # noqa: S101 (offer_has_one_cause)
        return cause

    @property
    def member(self) -> Member:
        """Whom the place is offered to."""
        return self.cause.member

    @property
    def patient(self) -> Patient:
        """Who is to be seen."""
        return self.cause.patient

    @property
    def patient_called(self) -> str:
        """The patient's name as the booker wrote it; selectors.waitlist fetches it."""
        return called(self.patient)

    def is_lapsed(self, now: datetime) -> bool:
        """Tell whether this is an open offer whose time has run out."""
        return self.state == OfferState.OPEN and self.expires_at <= now
