"""Which part of the numbers is asked for?"""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from scheduling.models import Clinic, Department

LONGEST = timedelta(days=366)


class DaysFilter(forms.Form):
    """A range of dates, both included."""

    start = forms.DateField(label=_("From"), widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label=_("Until"), widget=forms.DateInput({"type": "date"}))

    def clean(self) -> dict[str, Any]:
        """Refuse a range that ends before it starts, or takes more than a year."""
        found = super().clean() or self.cleaned_data
        start, until = found.get("start"), found.get("until")
        if start and until and until < start:
            self.add_error("until", _("The last day is before the first."))
        elif start and until and until - start > LONGEST:
            self.add_error("until", _("Please choose a year at most."))
        return found


class RevenueFilter(DaysFilter):
    """The range of the report on money, as `from` and `to`."""

    def add_prefix(self, field_name: str) -> str:
        """Name the fields as the address does."""
        return {"start": "from", "until": "to"}.get(field_name, field_name)


class BookingsFilter(DaysFilter):
    """A range of dates, both included; a clinic or a department narrows it."""

    clinic = forms.ModelChoiceField(
        Clinic.objects.order_by("code"),
        label=_("Clinic"),
        required=False,
        empty_label=_("All clinics"),
    )
    department = forms.ModelChoiceField(
        Department.objects.select_related("clinic").order_by("clinic__code", "code"),
        label=_("Department"),
        required=False,
        empty_label=_("All departments"),
    )

    @property
    def end(self) -> date:
        """The day after the last."""
        last: date = self.cleaned_data["until"]
        return last + timedelta(days=1)

    def departments(self) -> list[Department]:
        """List the departments asked for."""
        rows = Department.objects.select_related("clinic").order_by("clinic__code", "code")
        if department := self.cleaned_data["department"]:
            rows = rows.filter(pk=department.pk)
        if clinic := self.cleaned_data["clinic"]:
            rows = rows.filter(clinic=clinic)
        return list(rows)
