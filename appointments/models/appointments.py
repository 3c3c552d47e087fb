"""Which table says who has which place, and which moves may it make?"""

import uuid
from datetime import datetime
from decimal import Decimal

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from appointments.choices import (
    LIVE_STATES,
    AppointmentState,
    CancelCause,
    EndReason,
    Source,
    WayToPay,
)
from appointments.errors import WrongState
from medbook import money
from medbook.encryption import SealedTextField
from medbook.references import new_reference

S = AppointmentState
MOVES: dict[AppointmentState, tuple[AppointmentState, ...]] = {
    S.HELD: (S.BOOKED, S.EXPIRED, S.CANCELLED, S.CALLED_OFF),
    S.BOOKED: (S.ARRIVED, S.NO_SHOW, S.CANCELLED, S.CALLED_OFF),
    S.ARRIVED: (S.IN_CONSULTATION, S.CALLED_OFF, S.BOOKED),
    S.IN_CONSULTATION: (S.COMPLETED, S.ARRIVED),
    S.NO_SHOW: (S.ARRIVED, S.BOOKED, S.CALLED_OFF),
    S.COMPLETED: (),
    S.CANCELLED: (),
    S.CALLED_OFF: (),
    S.EXPIRED: (S.BOOKED,),  # a payment that came late, where the place is still free
}
ENDED_BY_CALLING_OFF = [state for state, moves in MOVES.items() if S.CALLED_OFF in moves]
IS_LIVE = Q(state__in=[state.value for state in LIVE_STATES])


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    """Appointments by state and time."""

    def live(self) -> "AppointmentQuerySet":
        """Keep what takes up a place."""
        return self.filter(state__in=LIVE_STATES)

    def to_call_off(self) -> "AppointmentQuerySet":
        """Keep what calling off ends: who is expected, and who was noted as not come."""
        return self.filter(state__in=ENDED_BY_CALLING_OFF)

    def held(self) -> "AppointmentQuerySet":
        """Keep what waits to be confirmed."""
        return self.filter(state=S.HELD)

    def lapsed(self, now: datetime) -> "AppointmentQuerySet":
        """Keep the holds whose time has run out."""
        return self.held().filter(hold_expires_at__lte=now)


class Appointment(models.Model):
    """A patient's claim on one place. Price, tier and rules are copied when they are agreed."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    reference = models.CharField(
        _("reference"), max_length=10, unique=True, default=new_reference, editable=False
    )
    slot = models.ForeignKey(
        "scheduling.Slot", models.PROTECT, related_name="appointments", verbose_name=_("place")
    )
    member = models.ForeignKey(
        "members.Member", models.PROTECT, related_name="appointments", verbose_name=_("member")
    )
    patient = models.ForeignKey(
        "members.Patient", models.PROTECT, related_name="appointments", verbose_name=_("patient")
    )
    doctor = models.ForeignKey(
        "scheduling.Doctor", models.PROTECT, related_name="+", verbose_name=_("doctor")
    )
    department = models.ForeignKey(
        "scheduling.Department", models.PROTECT, related_name="+", verbose_name=_("department")
    )
    limited_department = models.ForeignKey(
        "scheduling.Department", models.PROTECT, related_name="+", null=True, editable=False
    )
    service_date = models.DateField(_("date"))
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    state = models.CharField(_("state"), max_length=16, choices=AppointmentState)
    source = models.CharField(_("booked by"), max_length=8, choices=Source)
    end_reason = models.CharField(_("ended because"), max_length=10, choices=EndReason, blank=True)
    cancel_cause = models.CharField(
        _("reason given for cancelling"), max_length=10, choices=CancelCause, blank=True
    )
    reason = SealedTextField(label="appointment.reason", null=True)
    tier = models.ForeignKey(
        "members.Tier", models.PROTECT, related_name="+", verbose_name=_("tier")
    )
    fee = models.DecimalField(_("fee"), max_digits=12, decimal_places=2)
    discount = models.DecimalField(_("discount"), max_digits=12, decimal_places=2, default=0)
    points = models.PositiveIntegerField(_("points used"), default=0)
    insured = models.DecimalField(
        _("borne by the insurer"), max_digits=12, decimal_places=2, default=0
    )
    is_free_return = models.BooleanField(_("free return visit"), default=False)
    price = models.DecimalField(_("price"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    way_to_pay = models.CharField(_("way to pay"), max_length=8, choices=WayToPay, blank=True)
    cancel_until = models.DateTimeField(_("free cancellation until"))
    created_at = models.DateTimeField(_("created at"))
    hold_expires_at = models.DateTimeField(_("held until"), null=True)
    extended_at = models.DateTimeField(_("extended at"), null=True)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    arrived_at = models.DateTimeField(_("arrived at"), null=True)
    started_at = models.DateTimeField(_("started at"), null=True)
    completed_at = models.DateTimeField(_("completed at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    no_show_at = models.DateTimeField(_("noted as not come at"), null=True)
    late_refund_percent = models.PositiveSmallIntegerField(
        _("refund after late cancellation, %"), default=50
    )
    reschedules = models.PositiveSmallIntegerField(_("changes of time"), default=0)
    sequence = models.PositiveIntegerField(default=0, editable=False)  # of the calendar entry
    confirmation_sent_at = models.DateTimeField(_("confirmation sent at"), null=True)

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("appointment")
        verbose_name_plural = _("appointments")
        default_permissions = ("view",)
        permissions = [
            ("check_in", _("Can check patients in")),
            ("conduct_visit", _("Can start and finish consultations")),
            ("cancel_for_member", _("Can cancel for a member")),
            ("call_off", _("Can call off schedules")),
            ("note_no_show", _("Can note who has not come, and correct the day's states")),
            ("book_for_member", _("Can book for a member and take in who comes without a booking")),
            ("add_extra_place", _("Can add a place for somebody who comes without a booking")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["slot"], condition=IS_LIVE, name="one_live_appointment_per_slot"
            ),
            models.UniqueConstraint(
                fields=["patient", "doctor", "service_date"],
                condition=IS_LIVE,
                name="one_visit_per_patient_doctor_and_day",
            ),
            models.UniqueConstraint(
                fields=["patient", "limited_department", "service_date"],
                condition=IS_LIVE,
                name="one_visit_per_patient_department_and_day",
            ),
            ExclusionConstraint(
                name="one_patient_one_place_at_a_time",
                expressions=[
                    (
                        Func(F("patient_id"), F("patient_id"), Value("[]"), function="int8range"),
                        RangeOperators.OVERLAPS,
                    ),
                    (
                        Func(F("starts_at"), F("ends_at"), Value("[)"), function="tstzrange"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=IS_LIVE,
            ),
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(state="held", source="self", way_to_pay=""),
                name="one_unconfirmed_hold_per_member",
            ),
            models.CheckConstraint(
                condition=Q(state="held", hold_expires_at__isnull=False)
                | (~Q(state="held") & Q(hold_expires_at__isnull=True)),
                name="held_until_says_held",
            ),
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")), name="appointment_starts_before_it_ends"
            ),
            models.CheckConstraint(
                condition=Q(
                    price__gte=0,
                    price=F("fee")
                    - F("discount")
                    - F("points") * Value(Decimal("0.01"))
                    - F("insured"),
                    discount__gte=0,
                    insured__gte=0,
                ),
                name="appointment_price_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(state__in=AppointmentState.values), name="appointment_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(cancel_cause="") | Q(state="cancelled", cancel_cause__in=CancelCause),
                name="appointment_cancel_cause_is_known",
            ),
        ]
        indexes = [
            models.Index(fields=["member", "-starts_at"], name="appointment_member_starts"),
            models.Index(
                fields=["hold_expires_at"], condition=Q(state="held"), name="appointment_holds"
            ),
            models.Index(fields=["department", "service_date"], name="appointment_department_date"),
            models.Index(
                fields=["ends_at"], condition=Q(state="booked"), name="appointment_awaited"
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def time_zone(self) -> str:
        """The zone in which this appointment's times are said."""
        return self.department.clinic.time_zone

    @property
    def patient_name(self) -> str:
        """The patient's name as the booker wrote it, masked; selectors.visits fetches it."""
        links = getattr(self.patient, "links_of_booker", ())
        return links[0].masked if links else str(self.patient)

    @property
    def patient_called(self) -> str:
        """The same in clear, for the booker's own pages."""
        links = getattr(self.patient, "links_of_booker", ())
        return links[0].called if links else str(self.patient)

    @property
    def subject(self) -> str:
        """How billing and the members' points know it."""
        return f"appointment:{self.uid}"

    @property
    def is_live(self) -> bool:
        """Tell whether a place is taken up."""
        return self.state in LIVE_STATES

    @property
    def shown_price(self) -> str:
        """The price with its currency."""
        return money.shown(self.price, self.currency)

    @property
    def awaits_payment(self) -> bool:
        """Tell whether this hold is agreed and becomes a booking when it is paid."""
        return self.state == S.HELD and self.way_to_pay == WayToPay.ONLINE

    def is_lapsed(self, now: datetime) -> bool:
        """Tell whether this is a hold whose time has run out."""
        return self.hold_expires_at is not None and self.hold_expires_at <= now

    def move_to(self, state: AppointmentState) -> None:
        """Change the state in memory if that move is allowed. Raises: WrongState."""
        if state not in MOVES[AppointmentState(self.state)]:
            raise WrongState(state=self.get_state_display())
        self.state = state
        if state != S.HELD:
            self.hold_expires_at = None
