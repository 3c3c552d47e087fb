"""What do visits cost, and from which day on?"""

import uuid
from datetime import datetime
from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medbook import clock
from scheduling.choices import Title
from scheduling.models.catalogue import Clinic, VisitType
from scheduling.rules.prices import is_history


class Price(models.Model):
    """A row of the price list: what a kind of visit to a title costs in a clinic from a day on."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    clinic = models.ForeignKey(
        Clinic,
        models.PROTECT,
        db_index=False,  # the constraint's index begins with it
        related_name="prices",
        verbose_name=_("clinic"),
    )
    visit_type = models.ForeignKey(
        VisitType, models.PROTECT, related_name="prices", verbose_name=_("visit type")
    )
    title = models.CharField(_("title"), max_length=20, choices=Title)
    fee = models.DecimalField(
        _("fee"), max_digits=12, decimal_places=2, validators=[MinValueValidator(Decimal(0))]
    )
    valid_from = models.DateField(
        _("valid from"),
        help_text=_(
            "By the clinic's calendar, from the start of that day until the next price of the same"
            " clinic, visit type and title. Today or later."
        ),
    )

    class Meta:
        verbose_name = _("listed price")
        verbose_name_plural = _("price list")
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "visit_type", "title", "valid_from"],
                name="one_price_from_a_day_on",
                violation_error_message=_("There is a price from this day on already."),
            ),
            models.CheckConstraint(condition=Q(fee__gte=0), name="price_is_not_negative"),
            models.CheckConstraint(
                condition=Q(title__in=Title.values), name="price_title_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.clinic} · {self.visit_type} · {self.get_title_display()} · {self.valid_from}"

    def is_past(self, now: datetime) -> bool:
        """Tell whether it began before today, by the clinic's calendar, and stays as it is."""
        return is_history(self.valid_from, clock.local_date(now, self.clinic.time_zone))
