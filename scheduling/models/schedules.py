"""Which sessions are there, and which places do they have?"""

import uuid
from collections.abc import Collection
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from medbook import clock, money
from scheduling.choices import RushMode, SaleState, ScheduleState, SlotState
from scheduling.models.catalogue import Department, Doctor, Room, VisitType, require_one_clinic
from scheduling.models.ranges import one, period
from scheduling.models.rosters import RosterTemplate
from scheduling.rules import sessions as rules
from scheduling.rules.sessions import DESK_RANK, LONGEST_SESSION, MOST_PLACES, Booker

CLASHING_FIELDS = frozenset(["doctor", "room", "starts_at", "ends_at"])
# In these the doctor sits and the room is used; a draft is a wish and may clash.
BINDING = (ScheduleState.PUBLISHED, ScheduleState.FINISHED)


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    """Schedules by state and time."""

    def published(self) -> "ScheduleQuerySet":
        """Keep what members may see as a session."""
        return self.filter(state=ScheduleState.PUBLISHED)

    def clashing_with(self, schedule: "Schedule") -> "ScheduleQuerySet":
        """Keep what keeps the same doctor or room busy at the same time; drafts do not."""
        return self.filter(
            Q(doctor=schedule.doctor_id) | Q(room=schedule.room_id),
            state__in=BINDING,
            starts_at__lt=schedule.ends_at,
            ends_at__gt=schedule.starts_at,
        ).exclude(pk=schedule.pk)

    def bookable(self, now: datetime, early: timedelta = timedelta(0)) -> "ScheduleQuerySet":
        """Keep what is on sale at an instant, for a booker whose sale opens earlier by `early`."""
        ordinary = Q(release_at__lte=now + early, sale_stops_at__gt=now)
        same_day = Q(same_day_from__lte=now, release_at__lte=now + early, ends_at__gt=now)
        return self.published().filter(ordinary | same_day)


class Schedule(models.Model):
    """One doctor in one room on one date, from a start to an end."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    template = models.ForeignKey(
        RosterTemplate,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="schedules",
        verbose_name=_("roster template"),
    )
    doctor = models.ForeignKey(
        Doctor,
        models.PROTECT,
        db_index=False,
        related_name="schedules",
        verbose_name=_("doctor"),
    )
    department = models.ForeignKey(
        Department,
        models.PROTECT,
        db_index=False,
        related_name="schedules",
        verbose_name=_("department"),
    )
    room = models.ForeignKey(Room, models.PROTECT, related_name="schedules", verbose_name=_("room"))
    visit_type = models.ForeignKey(
        VisitType, models.PROTECT, related_name="+", verbose_name=_("visit type")
    )
    service_date = models.DateField(_("date"))
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    max_appointments = models.PositiveSmallIntegerField(
        _("places"), validators=[MinValueValidator(1), MaxValueValidator(MOST_PLACES)]
    )
    fee = models.DecimalField(
        _("fee"), max_digits=12, decimal_places=2, validators=[MinValueValidator(Decimal(0))]
    )
    currency = models.CharField(_("currency"), max_length=3, default=settings.CURRENCY)
    state = models.CharField(
        _("state"), max_length=12, choices=ScheduleState, default=ScheduleState.DRAFT
    )
    rush_mode = models.CharField(
        _("rush mode"), max_length=8, choices=RushMode, default=RushMode.DIRECT
    )
    high_demand = models.BooleanField(
        _("high demand"),
        default=False,
        help_text=_("A place given back returns at a random later minute."),
    )
    desk_places = models.PositiveSmallIntegerField(_("places kept for the front desk"), default=0)
    release_at = models.DateTimeField(_("released at"))
    sale_stops_at = models.DateTimeField(_("sale stops at"))
    same_day_from = models.DateTimeField(_("same day from"))
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        # With the constraint on template and date, also the indexes of these three keys.
        indexes = [
            models.Index(fields=["doctor", "service_date"], name="schedule_doctor_date"),
            models.Index(fields=["department", "service_date"], name="schedule_department_date"),
            models.Index(
                fields=["ends_at"], condition=Q(state="published"), name="schedule_to_finish"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["template", "service_date"], name="one_schedule_per_template_and_date"
            ),
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at"))
                & Q(ends_at__lte=F("starts_at") + LONGEST_SESSION),
                name="schedule_lasts_at_most_12_hours",
                violation_error_message=_("A session ends after it starts, within 12 hours."),
            ),
            models.CheckConstraint(
                condition=Q(max_appointments__gte=1, max_appointments__lte=MOST_PLACES),
                name="schedule_has_places",
            ),
            models.CheckConstraint(condition=Q(fee__gte=0), name="schedule_fee_is_not_negative"),
            models.CheckConstraint(
                condition=Q(desk_places__lte=F("max_appointments")),
                name="schedule_keeps_no_more_than_it_has",
                violation_error_message=_("No more places can be kept than there are."),
            ),
            models.CheckConstraint(
                condition=Q(state__in=ScheduleState.values), name="schedule_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(rush_mode__in=RushMode.values), name="schedule_rush_mode_is_known"
            ),
            ExclusionConstraint(
                name="doctor_sits_once_at_a_time",
                expressions=[
                    (one("doctor"), RangeOperators.OVERLAPS),
                    (period("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                condition=Q(state__in=BINDING),
            ),
            ExclusionConstraint(
                name="room_used_once_at_a_time",
                expressions=[
                    (one("room"), RangeOperators.OVERLAPS),
                    (period("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                condition=Q(state__in=BINDING),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.doctor} · {clock.text(self.starts_at, self.time_zone)}"

    def set_hours(self, start: time, end: time) -> bool:
        """Derive department and all instants from doctor, date and clinic times.

        False, and nothing set, where the clinic's day has no such hours.
        """
        department = self.doctor.department
        zone = department.clinic.time_zone
        period = rules.session_period(self.service_date, start, end, zone)
        if period is None:
            return False
        times = rules.sale_times(self.service_date, zone, department.sale_rules)
        self.department = department
        self.starts_at, self.ends_at = period
        self.release_at = times.release_at
        self.sale_stops_at = times.sale_stops_at
        self.same_day_from = times.same_day_from
        return True

    def clean(self) -> None:
        """Refuse a room of another clinic."""
        require_one_clinic(self)

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Name the schedule that this one clashes with, then check everything else."""
        if not CLASHING_FIELDS & set(exclude or ()) and self.state in BINDING:
            self.refuse_clash()
        super().validate_constraints(exclude)

    def refuse_clash(self) -> None:
        """Name the schedule that keeps the doctor or the room busy. Raises: ValidationError."""
        clash = (
            type(self)
            .objects.clashing_with(self)
            .select_related("doctor", "room", "department__clinic")
            .order_by("id")
            .first()
        )
        if clash:
            shared = "doctor" if clash.doctor_id == self.doctor_id else "room"
            raise ValidationError({shared: clash.said_to_clash(shared)})

    def said_to_clash(self, shared: str) -> str:
        """Say whom or what this schedule keeps busy, and when."""
        text = (
            _("%(doctor)s already sits %(starts_at)s–%(until)s in room %(room)s.")
            if shared == "doctor"
            else _("Room %(room)s is used by %(doctor)s %(starts_at)s–%(until)s.")
        )
        return str(text) % {
            "doctor": self.doctor,
            "starts_at": clock.text(self.starts_at, self.time_zone),
            "until": f"{self.ends_at.astimezone(ZoneInfo(self.time_zone)):%H:%M}",
            "room": self.room,
        }

    @property
    def time_zone(self) -> str:
        """The zone in which this schedule's times are said."""
        return self.department.clinic.time_zone

    def opens_at(self, early_minutes: int) -> datetime:
        """Tell when the sale opens for a booker whose tier books earlier."""
        return rules.opens_at(self.release_at, early_minutes)

    def sale_state(self, *, early_minutes: int, now: datetime, remaining: int = 1) -> SaleState:
        """Tell what this is to such a booker; `remaining` counts free places yet to begin."""
        return rules.sale_state(
            state=self.state,
            opens_at=self.opens_at(early_minutes),
            sale_stops_at=self.sale_stops_at,
            same_day_from=self.same_day_from,
            ends_at=self.ends_at,
            remaining=remaining,
            now=now,
        )

    @property
    def shown_fee(self) -> str:
        """The fee with its currency."""
        return money.shown(self.fee, self.currency)


class SlotQuerySet(models.QuerySet["Slot"]):
    """Places by what can be done with them."""

    def free(self) -> "SlotQuerySet":
        """Keep what nobody has, though it may be reserved or return later."""
        return self.filter(state=SlotState.FREE)

    def open_to(self, booker: Booker, now: datetime) -> "SlotQuerySet":
        """Keep the places that this booker may claim now."""
        return self.free().filter(claimable_by(booker, now))

    def claimable(
        self, schedule: Schedule, starts_at: datetime | None, booker: Booker, now: datetime
    ) -> "SlotQuerySet":
        """Keep what this booker may claim of a schedule, at a start if one is chosen."""
        rows = self.open_to(booker, now).filter(schedule=schedule)
        return rows.filter(starts_at=starts_at) if starts_at else rows


def claimable_by(booker: Booker, now: datetime) -> Q:
    """Write, for free places: not begun, not to return later, not reserved against this booker."""
    mine = Q(reserved_rank__isnull=True) | Q(reserved_rank__lte=booker.rank)
    if booker.is_desk:
        mine |= Q(reserved_rank=DESK_RANK)
    is_due = Q(returns_at__isnull=True) | Q(returns_at__lte=now)
    return Q(starts_at__gt=now) & is_due & (mine | Q(reserved_until__lte=now))


class Slot(models.Model):
    """One place of a schedule that one appointment can take."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    schedule = models.ForeignKey(
        Schedule,
        models.PROTECT,
        db_index=False,
        related_name="slots",
        verbose_name=_("schedule"),
    )
    number = models.PositiveSmallIntegerField(_("number"))
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    state = models.CharField(_("state"), max_length=8, choices=SlotState, default=SlotState.FREE)
    returns_at = models.DateTimeField(
        _("returns at"),
        null=True,
        help_text=_("A free place that nobody can take before then."),
    )
    reserved_rank = models.PositiveSmallIntegerField(
        _("reserved for"),
        null=True,
        help_text=_("The rank of the tier from which on members may take it."),
    )
    reserved_until = models.DateTimeField(_("reserved until"), null=True)

    objects = SlotQuerySet.as_manager()

    class Meta:
        verbose_name = _("place")
        verbose_name_plural = _("places")
        default_permissions = ("view",)
        constraints = [
            # Its index is the schedule's, too.
            models.UniqueConstraint(fields=["schedule", "number"], name="one_slot_per_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="slot_number_starts_at_one"),
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")), name="slot_starts_before_it_ends"
            ),
            models.CheckConstraint(
                condition=Q(state__in=SlotState.values), name="slot_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(reserved_rank__isnull=True, reserved_until__isnull=True)
                | Q(reserved_rank__isnull=False, reserved_until__isnull=False),
                name="slot_is_reserved_for_a_while",
            ),
            models.CheckConstraint(
                condition=Q(returns_at__isnull=True) | Q(state="free"),
                name="only_a_free_slot_returns",
            ),
        ]
        indexes = [
            # The literal in the predicate matters: as a parameter the planner cannot use the index.
            models.Index(
                fields=["schedule", "number"], condition=Q(state="free"), name="slot_free_places"
            ),
            models.Index(
                fields=["returns_at"],
                condition=Q(state="free", returns_at__isnull=False),
                name="slot_returning_places",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule} · {self.number}"

    def is_open_to(self, booker: Booker, now: datetime) -> bool:
        """Tell whether this booker may claim it now: claimable_by, of one place."""
        return (
            self.state == SlotState.FREE
            and self.starts_at > now
            and (self.returns_at is None or self.returns_at <= now)
            and (
                self.reserved_rank is None
                or self.reserved_until is None
                or self.reserved_until <= now
                or self.reserved_rank <= booker.rank
                or (booker.is_desk and self.reserved_rank == DESK_RANK)
            )
        )
