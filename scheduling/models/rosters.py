"""Which weekly patterns are schedules made from?"""

import uuid
from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Deferrable, F, Q
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from scheduling.choices import Weekday
from scheduling.models.catalogue import Doctor, Room, VisitType, require_one_clinic
from scheduling.models.ranges import days, minutes, one
from scheduling.rules.sessions import LONGEST_SESSION, MOST_PLACES, Sitting

CLASHING_FIELDS = frozenset(
    ["doctor", "room", "weekday", "start_time", "end_time", "valid_from", "valid_until"]
)


class RosterTemplateQuerySet(models.QuerySet["RosterTemplate"]):
    """Weekly patterns by date and by whom they clash with."""

    def valid_between(self, first: date, last: date) -> "RosterTemplateQuerySet":
        """Keep those that are valid on some day of a period, both days included."""
        return self.filter(
            Q(valid_until__isnull=True) | Q(valid_until__gte=first), valid_from__lte=last
        )

    def clashing_with(self, template: "RosterTemplate") -> "RosterTemplateQuerySet":
        """Keep those that want the same doctor or room at the same time."""
        return (
            self.valid_between(template.valid_from, template.valid_until or date.max)
            .filter(
                Q(doctor=template.doctor_id) | Q(room=template.room_id),
                weekday=template.weekday,
                start_time__lt=template.end_time,
                end_time__gt=template.start_time,
            )
            .exclude(pk=template.pk)
        )


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
        _("fee"),
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Empty: from the price list."),
    )
    high_demand = models.BooleanField(
        _("high demand"),
        default=False,
        help_text=_("A place given back returns at a random later minute."),
    )
    desk_places = models.PositiveSmallIntegerField(_("places kept for the front desk"), default=0)
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(
        _("valid until"), null=True, blank=True, help_text=_("The last day; empty: until changed.")
    )

    objects = RosterTemplateQuerySet.as_manager()

    class Meta:
        verbose_name = _("roster template")
        verbose_name_plural = _("roster templates")
        constraints = [
            models.CheckConstraint(
                condition=Q(start_time__lt=F("end_time")),
                name="roster_starts_before_it_ends",
                violation_error_message=_("The end must come after the start."),
            ),
            models.CheckConstraint(
                condition=LessThanOrEqual(F("end_time") - F("start_time"), LONGEST_SESSION),
                name="roster_lasts_at_most_12_hours",
                violation_error_message=_("A session lasts 12 hours at most."),
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
                name="roster_is_valid_for_a_while",
                violation_error_message=_("The last day must not come before the first."),
            ),
            models.CheckConstraint(
                condition=Q(max_appointments__gte=1, max_appointments__lte=MOST_PLACES),
                name="roster_has_places",
            ),
            models.CheckConstraint(condition=Q(fee__gte=0), name="roster_fee_is_not_negative"),
            models.CheckConstraint(
                condition=Q(desk_places__lte=F("max_appointments")),
                name="roster_keeps_no_more_than_it_has",
                violation_error_message=_("No more places can be kept than there are."),
            ),
            models.CheckConstraint(
                condition=Q(weekday__gte=0, weekday__lte=6), name="roster_weekday_exists"
            ),
            ExclusionConstraint(
                name="doctor_rostered_once_at_a_time",
                expressions=[
                    (one("doctor"), RangeOperators.OVERLAPS),
                    (one("weekday"), RangeOperators.OVERLAPS),
                    (minutes("start_time", "end_time"), RangeOperators.OVERLAPS),
                    (days("valid_from", "valid_until"), RangeOperators.OVERLAPS),
                ],
                deferrable=Deferrable.IMMEDIATE,
            ),
            ExclusionConstraint(
                name="room_rostered_once_at_a_time",
                expressions=[
                    (one("room"), RangeOperators.OVERLAPS),
                    (one("weekday"), RangeOperators.OVERLAPS),
                    (minutes("start_time", "end_time"), RangeOperators.OVERLAPS),
                    (days("valid_from", "valid_until"), RangeOperators.OVERLAPS),
                ],
                deferrable=Deferrable.IMMEDIATE,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.doctor} · {self.get_weekday_display()} {self.hours} · {self.room}"

    def clean(self) -> None:
        """Refuse hours or days that are none, and a room of another clinic."""
        if self.start_time and self.end_time:
            if self.start_time >= self.end_time:
                raise ValidationError({"end_time": _("The end must come after the start.")})
            if _length(self.start_time, self.end_time) > LONGEST_SESSION:
                raise ValidationError({"end_time": _("A session lasts 12 hours at most.")})
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            text = _("The last day must not come before the first.")
            raise ValidationError({"valid_until": text})
        if self.max_appointments is not None and self.desk_places > self.max_appointments:
            text = _("No more places can be kept than there are.")
            raise ValidationError({"desk_places": text})
        require_one_clinic(self)

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Name the pattern that this one clashes with, then check everything else."""
        if not CLASHING_FIELDS & set(exclude or ()):
            clash = (
                type(self)
                .objects.clashing_with(self)
                .select_related("doctor", "room")
                .order_by("id")
                .first()
            )
            if clash:
                shared = "doctor" if clash.doctor_id == self.doctor_id else "room"
                text = _("%(busy)s (template %(id)s).")
                said = {"busy": clash.said_busy(shared), "id": clash.pk}
                raise ValidationError({shared: ValidationError(text, params=said)})
        super().validate_constraints(exclude)

    def is_valid_on(self, day: date) -> bool:
        """Tell whether a date lies within its first and last day."""
        return self.valid_from <= day <= (self.valid_until or day)

    def sitting(self, name: int) -> Sitting:
        """Tell, under a name, what of this pattern can clash with another."""
        return Sitting(
            name=name,
            doctor=self.doctor_id,
            room=self.room_id,
            weekday=self.weekday,
            start_time=self.start_time,
            end_time=self.end_time,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )

    def said_busy(self, shared: str) -> str:
        """Say whom or what this pattern keeps busy, and when."""
        text = (
            _("%(doctor)s already sits %(day)s %(hours)s in room %(room)s")
            if shared == "doctor"
            else _("Room %(room)s is used by %(doctor)s %(day)s %(hours)s")
        )
        return str(text) % {
            "doctor": self.doctor,
            "day": self.get_weekday_display(),
            "hours": self.hours,
            "room": self.room,
        }

    @property
    def hours(self) -> str:
        """The time of day, as in 08:00–12:00."""
        return f"{self.start_time:%H:%M}–{self.end_time:%H:%M}"


def _length(start: time, end: time) -> timedelta:
    return datetime.combine(date.min, end) - datetime.combine(date.min, start)
