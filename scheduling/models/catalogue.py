"""Which clinics, departments, rooms, kinds of visit and doctors are there?"""

import uuid
from datetime import time, timedelta
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from holidays import list_supported_countries

from medbook.bilingual import Bilingual
from scheduling.choices import Gender, Title
from scheduling.rules import departments as department_rules
from scheduling.rules import sessions as rules
from scheduling.rules.reserves import ReserveRules

CONTRADICTIONS = {
    "horizon_days": _("Schedules must be made at least as many days ahead as they are released."),
    "sale_stops_time": _("The sale would stop before it opens."),
    "reserved_time": _("Reserved places must fall to all before the sale stops."),
}


def known_zone(name: str) -> None:
    """Refuse a time zone that does not exist."""
    if name not in available_timezones():
        raise ValidationError(_("There is no such time zone."))


def known_country(code: str) -> None:
    """Refuse a country whose public holidays the library does not know."""
    if code not in list_supported_countries():
        raise ValidationError(_("The public holidays of this country are not known."))


class Clinic(models.Model):
    """A site with an address and a time zone."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.SlugField(_("code"), max_length=20, unique=True)
    name_en = models.CharField(_("name (English)"), max_length=80)
    name_zh = models.CharField(_("name (Chinese)"), max_length=80)
    legal_name_en = models.CharField(
        _("legal name (English)"),
        max_length=120,
        blank=True,
        help_text=_("Stands on receipts; empty: the name."),
    )
    legal_name_zh = models.CharField(
        _("legal name (Chinese)"),
        max_length=120,
        blank=True,
        help_text=_("Stands on receipts; empty: the name."),
    )
    address_en = models.CharField(_("address (English)"), max_length=200, blank=True)
    address_zh = models.CharField(_("address (Chinese)"), max_length=200, blank=True)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    time_zone = models.CharField(
        _("time zone"), max_length=40, default=settings.TIME_ZONE, validators=[known_zone]
    )
    country = models.CharField(
        _("country of the public holidays"),
        max_length=2,
        default="CN",
        blank=True,
        validators=[known_country],
        help_text=_("Two letters, such as CN or DE; empty: only the days that staff write down."),
    )
    region = models.CharField(
        _("region of the public holidays"),
        max_length=10,
        blank=True,
        help_text=_("Where regions differ, such as BE for Berlin."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    name = Bilingual("name")
    address = Bilingual("address")

    class Meta:
        verbose_name = _("clinic")
        verbose_name_plural = _("clinics")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a region that its country does not have."""
        regions = list_supported_countries(include_aliases=True).get(self.country, [])
        if self.region and self.region not in regions:
            raise ValidationError({"region": _("This country has no such region.")})


class DepartmentManager(models.Manager["Department"]):
    """Departments with their clinic, without which none is named."""

    def get_queryset(self) -> models.QuerySet["Department"]:
        """Join the clinic."""
        return super().get_queryset().select_related("clinic")


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
    cancel_days_before = models.PositiveSmallIntegerField(
        _("or free cancellation, days before"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(30)],
        help_text=_("With a time: counts instead of the hours."),
    )
    cancel_time = models.TimeField(_("free cancellation until"), null=True, blank=True)
    late_refund_percent = models.PositiveSmallIntegerField(
        _("refund after late cancellation, %"), default=50, validators=[MaxValueValidator(100)]
    )
    free_return_days = models.PositiveSmallIntegerField(
        _("free return visit within, days"),
        default=0,
        validators=[MaxValueValidator(90)],
        help_text=_(
            "A patient who saw a doctor of this department is not charged again within these days;"
            " 0: never."
        ),
    )
    reserved_days_before = models.PositiveSmallIntegerField(
        _("reserved places fall to all, days before"), default=1, validators=[MaxValueValidator(30)]
    )
    reserved_time = models.TimeField(_("reserved places fall to all at"), default=time(12))
    sits_on_holidays = models.BooleanField(
        _("sits on public holidays"),
        default=False,
        help_text=_("Follows its weekly patterns on public holidays and make-up days too."),
    )
    one_visit_a_day = models.BooleanField(
        _("one visit a day"),
        default=False,
        help_text=_("A patient may have one appointment a day in this department."),
    )

    objects = DepartmentManager()
    name = Bilingual("name")

    class Meta:
        verbose_name = _("department")
        verbose_name_plural = _("departments")
        constraints = [
            models.CheckConstraint(
                condition=Q(horizon_days__gte=1, horizon_days__lte=90),
                name="department_horizon_is_1_to_90_days",
            ),
            models.CheckConstraint(
                condition=Q(cancel_days_before__isnull=True, cancel_time__isnull=True)
                | Q(cancel_days_before__isnull=False, cancel_time__isnull=False),
                name="department_cancel_day_has_a_time",
                violation_error_message=_("Give both the days before and the time, or neither."),
            ),
            models.CheckConstraint(
                condition=Q(late_refund_percent__lte=100),
                name="department_late_refund_is_a_share",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} · {self.clinic}"

    def clean(self) -> None:
        """Refuse rules by which nobody could book, or by which moments come in a wrong order."""
        wrong = {
            field: CONTRADICTIONS[field]
            for field in department_rules.contradictions(
                horizon_days=self.horizon_days, sale=self.sale_rules, reserve=self.reserve_rules
            )
        }
        if wrong:
            raise ValidationError(wrong)

    @property
    def sale_rules(self) -> rules.SaleRules:
        """When this department's sessions open and close."""
        return rules.SaleRules(
            release_days_ahead=self.release_days_ahead,
            release_time=self.release_time,
            sale_stops_days_before=self.sale_stops_days_before,
            sale_stops_time=self.sale_stops_time,
            same_day_from_time=self.same_day_from_time,
        )

    @property
    def reserve_rules(self) -> ReserveRules:
        """When this department's reserved places fall to all."""
        return ReserveRules(days_before=self.reserved_days_before, at=self.reserved_time)


class Room(models.Model):
    """A room in a clinic."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    clinic = models.ForeignKey(
        Clinic, models.PROTECT, related_name="rooms", verbose_name=_("clinic")
    )
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
        constraints = [
            models.CheckConstraint(
                condition=Q(length_minutes__gte=1, length_minutes__lte=480),
                name="visit_type_lasts_1_to_480_minutes",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def length(self) -> timedelta:
        """How long a visit takes."""
        return timedelta(minutes=self.length_minutes)

    @property
    def pause(self) -> timedelta:
        """How long the doctor pauses after it."""
        return timedelta(minutes=self.buffer_minutes)


class DoctorQuerySet(models.QuerySet["Doctor"]):
    """Doctors by whether they can be found, and by what somebody types."""

    def shown(self) -> "DoctorQuerySet":
        """Keep those whom members may see."""
        return self.filter(
            is_active=True, department__is_active=True, department__clinic__is_active=True
        )

    def matching(self, text: str) -> "DoctorQuerySet":
        """Keep those in whose names, pinyin, initials or staff number every word occurs."""
        found = self
        for word in rules.searched(text).split():
            found = found.filter(search_text__contains=word)
        return found


class Doctor(models.Model):
    """A doctor of a department."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.CharField(_("staff number"), max_length=20, unique=True)
    slug = models.SlugField(
        _("address name"),
        max_length=80,
        unique=True,
        blank=True,
        help_text=_("Names the doctor in addresses; empty: made from name and staff number."),
    )
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
    weekly_hours = models.PositiveSmallIntegerField(
        _("most hours a week"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text=_("Planning more is a conflict; empty: no limit."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    name = Bilingual("name")
    introduction = Bilingual("introduction")

    objects = DoctorQuerySet.as_manager()

    class Meta:
        verbose_name = _("doctor")
        verbose_name_plural = _("doctors")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Fill in what follows from the names, then write."""
        self.fill_in()
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "search_text", "slug"}
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Derive the address name before its uniqueness is checked."""
        self.fill_in()

    def fill_in(self) -> None:
        """Derive the words to be found by, and an address name where there is none yet."""
        self.search_text = rules.search_text(self.name_en, self.name_zh, self.code)
        self.slug = self.slug or rules.slug_of(self.name_en, self.name_zh, self.code)


def require_one_clinic(row: Any) -> None:
    """Refuse a doctor and a room of different clinics. Raises: ValidationError."""
    if row.doctor_id and row.room_id and row.room.clinic_id != row.doctor.department.clinic_id:
        raise ValidationError({"room": _("This room is in another clinic than the doctor.")})
