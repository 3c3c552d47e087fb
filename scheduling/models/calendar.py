"""Which days are different, as staff wrote them down?"""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medbook.bilingual import Bilingual
from scheduling.choices import DayKind, Weekday
from scheduling.models.catalogue import Clinic
from scheduling.rules.calendar import Day


class CalendarDay(models.Model):
    """A date on which a clinic, or all, sits otherwise; comes before what a library says."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    clinic = models.ForeignKey(
        Clinic,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="calendar_days",
        verbose_name=_("clinic"),
        help_text=_("Empty: all clinics. A day of one clinic comes before a day of all."),
    )
    date = models.DateField(_("date"))
    kind = models.CharField(_("kind"), max_length=8, choices=DayKind)
    as_weekday = models.PositiveSmallIntegerField(
        _("follows the patterns of"),
        choices=Weekday,
        null=True,
        blank=True,
        help_text=_("For a make-up day: the weekday that it makes up for. Empty: its own."),
    )
    name_en = models.CharField(_("name (English)"), max_length=80, blank=True)
    name_zh = models.CharField(_("name (Chinese)"), max_length=80, blank=True)

    name = Bilingual("name")

    class Meta:
        verbose_name = _("day of the calendar")
        verbose_name_plural = _("days of the calendar")
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "date"],
                name="one_calendar_day_per_clinic_and_date",
                nulls_distinct=False,
                violation_error_message=_("This day is written down already."),
            ),
            models.CheckConstraint(
                condition=Q(kind__in=DayKind.values), name="calendar_day_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(as_weekday__isnull=True)
                | Q(kind=DayKind.WORKDAY.value, as_weekday__gte=0, as_weekday__lte=6),
                name="only_a_working_day_follows_a_weekday",
                violation_error_message=_("On a public holiday no patterns are followed."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date} · {self.name or self.get_kind_display()}"

    @property
    def as_day(self) -> Day:
        """What the calendar says of the date."""
        return Day(self.date, DayKind(self.kind), self.as_weekday, self.name_en, self.name_zh)
