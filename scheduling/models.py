"""Which tables say who sits where and when, and which places there are?"""

import uuid
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from medbook import clock, money
from medbook.bilingual import Bilingual
from scheduling.choices import (
    Gender,
    RunState,
    RushMode,
    ScheduleState,
    SlotState,
    Title,
    Weekday,
)

MOST_PLACES = 5000
LONGEST_SESSION = timedelta(hours=12)


def one(field: str) -> Func:
    """Write an integer as a range of one, so that ranges alone can exclude equality."""
    return Func(F(field), F(field), Value("[]"), function="int8range")


def period(start: str, end: str, function: str = "tstzrange") -> Func:
    """Write two columns as one half-open range."""
    return Func(F(start), F(end), Value("[)"), function=function)


def minutes(start: str, end: str) -> Func:
    """Write two times of day as a half-open range of minutes since midnight."""
    return Func(
        Func(F(start), template="(EXTRACT(EPOCH FROM %(expressions)s) / 60)::int"),
        Func(F(end), template="(EXTRACT(EPOCH FROM %(expressions)s) / 60)::int"),
        Value("[)"),
        function="int4range",
    )


def known_zone(name: str) -> None:
    """Refuse a time zone that does not exist."""
    if name not in available_timezones():
        raise ValidationError(_("There is no such time zone."))


class Clinic(models.Model):
    """A site with an address and a time zone."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.SlugField(_("code"), max_length=20, unique=True)
    name_en = models.CharField(_("name (English)"), max_length=80)
    name_zh = models.CharField(_("name (Chinese)"), max_length=80)
    address_en = models.CharField(_("address (English)"), max_length=200, blank=True)
    address_zh = models.CharField(_("address (Chinese)"), max_length=200, blank=True)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    time_zone = models.CharField(
        _("time zone"), max_length=40, default=settings.TIME_ZONE, validators=[known_zone]
    )
    is_active = models.BooleanField(_("active"), default=True)

    name = Bilingual("name")
    address = Bilingual("address")

    class Meta:
        verbose_name = _("clinic")
        verbose_name_plural = _("clinics")

    def __str__(self) -> str:
        return self.name


class Department(models.Model):
    """A department of a clinic, with its rules of release and booking."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    clinic = models.ForeignKey(
        Clinic, models.PROTECT, related_name="departments", verbose_name=_("clinic")
    )
    code = models.SlugField(_("code"), max_length=20, unique=True)
    name_en = models.CharField(_("name (English)"), max_length=80)
    name_zh = models.CharField(_("name (Chinese)"), max_length=80)
    is_active = models.BooleanField(_("active"), default=True)
    horizon_days = models.PositiveSmallIntegerField(
        _("horizon, days"),
        default=14,
        validators=[MinValueValidator(1), MaxValueValidator(90)],
        help_text=_("Schedules are made this many days ahead."),
    )
    release_days_ahead = models.PositiveSmallIntegerField(
        _("release, days ahead"), default=7, validators=[MaxValueValidator(90)]
    )
    release_time = models.TimeField(_("release time"), default=time(7))
    sale_stops_days_before = models.PositiveSmallIntegerField(
        _("sale stops, days before"), default=1, validators=[MaxValueValidator(30)]
    )
    sale_stops_time = models.TimeField(_("sale stops at"), default=time(17))
    same_day_from_time = models.TimeField(
        _("same day from"),
        default=time(0),
        help_text=_("From then on, what is left can be booked on the day itself."),
    )
    cancel_hours_before = models.PositiveSmallIntegerField(
        _("free cancellation, hours before"), default=24, validators=[MaxValueValidator(240)]
    )
    one_visit_a_day = models.BooleanField(
        _("one visit a day"),
        default=False,
        help_text=_("A patient may have one appointment a day in this department."),
    )

    name = Bilingual("name")

    class Meta:
        verbose_name = _("department")
        verbose_name_plural = _("departments")

    def __str__(self) -> str:
        return f"{self.name} · {self.clinic}"


class Room(models.Model):
    """A room in a clinic."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    clinic = models.ForeignKey(Clinic, models.PROTECT, related_name="rooms", verbose_name=_("clinic"))
    code = models.CharField(_("code"), max_length=20)
    place_en = models.CharField(_("way there (English)"), max_length=80, blank=True)
    place_zh = models.CharField(_("way there (Chinese)"), max_length=80, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    place = Bilingual("place")

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")
        constraints = [
            models.UniqueConstraint(fields=["clinic", "code"], name="one_room_per_code"),
        ]

    def __str__(self) -> str:
        return self.code


class VisitType(models.Model):
    """A kind of visit: how long it takes and the pause after it."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.SlugField(_("code"), max_length=20, unique=True)
    name_en = models.CharField(_("name (English)"), max_length=60)
    name_zh = models.CharField(_("name (Chinese)"), max_length=60)
    length_minutes = models.PositiveSmallIntegerField(
        _("length, minutes"), validators=[MinValueValidator(1), MaxValueValidator(480)]
    )
    buffer_minutes = models.PositiveSmallIntegerField(
        _("pause after it, minutes"), default=0, validators=[MaxValueValidator(120)]
    )

    name = Bilingual("name")

    class Meta:
        verbose_name = _("visit type")
        verbose_name_plural = _("visit types")

    def __str__(self) -> str:
        return self.name


class Doctor(models.Model):
    """A doctor of a department."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.CharField(_("staff number"), max_length=20, unique=True)
    slug = models.SlugField(_("address name"), max_length=80, unique=True)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="doctor",
        verbose_name=_("account"),
    )
    department = models.ForeignKey(
        Department, models.PROTECT, related_name="doctors", verbose_name=_("department")
    )
    name_en = models.CharField(_("name (English)"), max_length=80)
    name_zh = models.CharField(_("name (Chinese)"), max_length=80)
    search_text = models.CharField(max_length=300, editable=False)
    title = models.CharField(_("title"), max_length=20, choices=Title)
    gender = models.CharField(_("gender"), max_length=8, choices=Gender)
    introduction_en = models.TextField(_("introduction (English)"), blank=True, max_length=2000)
    introduction_zh = models.TextField(_("introduction (Chinese)"), blank=True, max_length=2000)
    is_active = models.BooleanField(_("active"), default=True)

    name = Bilingual("name")
    introduction = Bilingual("introduction")

    class Meta:
        verbose_name = _("doctor")
        verbose_name_plural = _("doctors")

    def __str__(self) -> str:
        return self.name


class RosterTemplate(models.Model):
    """A weekly pattern from which schedules are made."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    doctor = models.ForeignKey(
        Doctor, models.PROTECT, related_name="roster_templates", verbose_name=_("doctor")
    )
    room = models.ForeignKey(
        Room, models.PROTECT, related_name="roster_templates", verbose_name=_("room")
    )
    visit_type = models.ForeignKey(
        VisitType, models.PROTECT, related_name="+", verbose_name=_("visit type")
    )
    weekday = models.PositiveSmallIntegerField(_("weekday"), choices=Weekday)
    start_time = models.TimeField(_("from"))
    end_time = models.TimeField(_("until"))
    max_appointments = models.PositiveSmallIntegerField(
        _("places"), validators=[MinValueValidator(1), MaxValueValidator(MOST_PLACES)]
    )
    fee = models.DecimalField(
        _("fee"), max_digits=12, decimal_places=2, validators=[MinValueValidator(Decimal(0))]
    )
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(
        _("valid until"), null=True, blank=True, help_text=_("The last day; empty: until changed.")
    )

    class Meta:
        verbose_name = _("roster template")
        verbose_name_plural = _("roster templates")
        constraints = [
            models.CheckConstraint(
                condition=Q(start_time__lt=F("end_time")), name="roster_starts_before_it_ends"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
                name="roster_is_valid_for_a_while",
            ),
            models.CheckConstraint(
                condition=Q(max_appointments__gte=1, max_appointments__lte=MOST_PLACES),
                name="roster_has_places",
            ),
            models.CheckConstraint(condition=Q(fee__gte=0), name="roster_fee_is_not_negative"),
            models.CheckConstraint(
                condition=Q(weekday__gte=0, weekday__lte=6), name="roster_weekday_exists"
            ),
            ExclusionConstraint(
                name="doctor_rostered_once_at_a_time",
                expressions=[
                    (one("doctor_id"), RangeOperators.OVERLAPS),
                    (one("weekday"), RangeOperators.OVERLAPS),
                    (minutes("start_time", "end_time"), RangeOperators.OVERLAPS),
                    (
                        Func(
                            F("valid_from"), F("valid_until"), Value("[]"), function="daterange"
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
            ExclusionConstraint(
                name="room_rostered_once_at_a_time",
                expressions=[
                    (one("room_id"), RangeOperators.OVERLAPS),
                    (one("weekday"), RangeOperators.OVERLAPS),
                    (minutes("start_time", "end_time"), RangeOperators.OVERLAPS),
                    (
                        Func(
                            F("valid_from"), F("valid_until"), Value("[]"), function="daterange"
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self) -> str:
        hours = f"{self.start_time:%H:%M}–{self.end_time:%H:%M}"
        return f"{self.doctor} · {self.get_weekday_display()} {hours} · {self.room}"


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    """Schedules by state and time."""

    def published(self) -> "ScheduleQuerySet":
        """Keep what members may see as a session."""
        return self.filter(state=ScheduleState.PUBLISHED)

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
        related_name="schedules",
        verbose_name=_("roster template"),
    )
    doctor = models.ForeignKey(
        Doctor, models.PROTECT, related_name="schedules", verbose_name=_("doctor")
    )
    department = models.ForeignKey(
        Department, models.PROTECT, related_name="schedules", verbose_name=_("department")
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
    release_at = models.DateTimeField(_("released at"))
    sale_stops_at = models.DateTimeField(_("sale stops at"))
    same_day_from = models.DateTimeField(_("same day from"))
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        indexes = [
            models.Index(fields=["doctor", "service_date"], name="schedule_doctor_date"),
            models.Index(fields=["department", "service_date"], name="schedule_department_date"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["template", "service_date"], name="one_schedule_per_template_and_date"
            ),
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at"))
                & Q(ends_at__lte=F("starts_at") + LONGEST_SESSION),
                name="schedule_lasts_at_most_12_hours",
            ),
            models.CheckConstraint(
                condition=Q(max_appointments__gte=1, max_appointments__lte=MOST_PLACES),
                name="schedule_has_places",
            ),
            models.CheckConstraint(condition=Q(fee__gte=0), name="schedule_fee_is_not_negative"),
            models.CheckConstraint(
                condition=Q(state__in=ScheduleState.values), name="schedule_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(rush_mode__in=RushMode.values), name="schedule_rush_mode_is_known"
            ),
            ExclusionConstraint(
                name="doctor_sits_once_at_a_time",
                expressions=[
                    (one("doctor_id"), RangeOperators.OVERLAPS),
                    (period("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                condition=~Q(state=ScheduleState.CALLED_OFF),
            ),
            ExclusionConstraint(
                name="room_used_once_at_a_time",
                expressions=[
                    (one("room_id"), RangeOperators.OVERLAPS),
                    (period("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                condition=~Q(state=ScheduleState.CALLED_OFF),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.doctor} · {clock.text(self.starts_at, self.time_zone)}"

    @property
    def time_zone(self) -> str:
        """The zone in which this schedule's times are said."""
        return self.department.clinic.time_zone

    @property
    def shown_fee(self) -> str:
        """The fee with its currency."""
        return money.shown(self.fee, self.currency)


class SlotQuerySet(models.QuerySet["Slot"]):
    """Places by what can be done with them."""

    def free(self) -> "SlotQuerySet":
        """Keep what nobody holds."""
        return self.filter(state=SlotState.FREE)

    def claimable(
        self, schedule: Schedule, starts_at: datetime | None, now: datetime
    ) -> "SlotQuerySet":
        """Keep the free places of a schedule that have not begun, at a start if one is chosen."""
        rows = self.free().filter(schedule=schedule, starts_at__gt=now)
        return rows.filter(starts_at=starts_at) if starts_at else rows


class Slot(models.Model):
    """One place of a schedule that one appointment can take."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    schedule = models.ForeignKey(
        Schedule, models.PROTECT, related_name="slots", verbose_name=_("schedule")
    )
    number = models.PositiveSmallIntegerField(_("number"))
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    state = models.CharField(
        _("state"), max_length=8, choices=SlotState, default=SlotState.FREE
    )

    objects = SlotQuerySet.as_manager()

    class Meta:
        verbose_name = _("place")
        verbose_name_plural = _("places")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["schedule", "number"], name="one_slot_per_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="slot_number_starts_at_one"),
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")), name="slot_starts_before_it_ends"
            ),
            models.CheckConstraint(
                condition=Q(state__in=SlotState.values), name="slot_state_is_known"
            ),
        ]
        indexes = [
            # The literal in the predicate matters: as a parameter the planner cannot use the index.
            models.Index(
                fields=["schedule", "number"], condition=Q(state="free"), name="slot_free_places"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule} · {self.number}"


class ReleaseRun(models.Model):
    """One department's date, made by the nightly run."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    department = models.ForeignKey(
        Department, models.PROTECT, related_name="release_runs", verbose_name=_("department")
    )
    service_date = models.DateField(_("date"))
    state = models.CharField(
        _("state"), max_length=8, choices=RunState, default=RunState.RUNNING
    )
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)
    schedules_made = models.PositiveIntegerField(_("schedules made"), default=0)
    slots_made = models.PositiveIntegerField(_("places made"), default=0)
    clashes = models.JSONField(_("clashes"), default=list)
    error = models.CharField(_("error"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("release run")
        verbose_name_plural = _("release runs")
        default_permissions = ("view",)
        permissions = [("run_release", _("Can run the release"))]
        constraints = [
            models.UniqueConstraint(
                fields=["department", "service_date"], name="one_run_per_department_and_date"
            ),
            models.CheckConstraint(
                condition=Q(state__in=RunState.values), name="run_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.department} · {self.service_date}"
