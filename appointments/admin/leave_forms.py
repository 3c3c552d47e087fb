"""Which shape has what staff type in of a leave?"""

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from appointments.rules.leave import EVENING, NOON, is_possible, leave_period
from appointments.services.leave import Absence
from scheduling.choices import LeaveReason
from scheduling.models import Doctor, Leave

MOST_NAMED = 5
MOST_LISTED = 1000
STARTS = {"morning": time(0), "afternoon": NOON, "evening": EVENING}
ENDS = {"morning": NOON, "afternoon": EVENING, "day": None}
NOTE_HINT = gettext_lazy("Only staff reads it. Please write no health data.")


class DoctorField(forms.CharField):
    """One doctor, by staff number or by as much of the name as tells them apart."""

    widget = forms.TextInput(attrs={"list": "doctors", "autocomplete": "off"})

    def clean(self, value: Any) -> Any:
        """Find the doctor; name those that are meant as well."""
        text = super().clean(value)
        known = Doctor.objects.shown().select_related("department__clinic")
        if exact := known.filter(code__iexact=text).first():
            return exact
        found = list(known.matching(text)[: MOST_NAMED + 1])
        if len(found) == 1:
            return found[0]
        if not found:
            raise forms.ValidationError(_("There is no such doctor."))
        named = ", ".join(f"{doctor} ({doctor.code})" for doctor in found[:MOST_NAMED])
        raise forms.ValidationError(
            _("Several doctors are called so: %(named)s. Please write the staff number.")
            % {"named": named}
        )


class AbsentForm(forms.Form):
    """What both ways of writing a leave ask: who, why, and what staff should know."""

    doctor = DoctorField(
        label=gettext_lazy("Doctor"), max_length=60, help_text=gettext_lazy("Staff number or name.")
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason that members are told"), choices=LeaveReason
    )
    note = forms.CharField(
        label=gettext_lazy("Note for staff"), required=False, max_length=200, help_text=NOTE_HINT
    )

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now
        self.period: tuple[datetime, datetime] | None = None

    def set_period(self, first: date, start: time, last: date, end: time | None) -> None:
        """Work out the period by the doctor's clinic's clock, or say what is wrong with it."""
        zone = self.cleaned_data["doctor"].department.clinic.time_zone
        self.period = leave_period(first, start, last, end, zone)
        if self.period is None:
            self.add_error(None, _("The clinic's clock has no such hour on that day."))
        elif self.period[0] >= self.period[1]:
            self.add_error(None, _("A leave ends after it starts."))
        elif self.period[1] <= self.now:
            self.add_error(None, _("This leave would be over already."))
        elif not is_possible(*self.period, self.now):
            self.add_error(None, _("A leave lasts at most a year."))

    @property
    def doctors(self) -> QuerySet[Doctor]:
        """Who is proposed while somebody writes, also without scripts."""
        shown = Doctor.objects.shown().select_related("department")
        return shown.order_by("code")[:MOST_LISTED]

    @property
    def absence(self) -> Absence:
        """Return what was written, once it is valid."""
        if self.period is None:
            raise ValueError("asked before it was valid")
        said = self.cleaned_data
        return Absence(said["doctor"], *self.period, reason=said["reason"], note=said["note"])


class LeaveForm(AbsentForm):
    """A leave over days and half-days, or from and until exact times."""

    first_day = forms.DateField(
        label=gettext_lazy("First day"), widget=forms.DateInput(attrs={"type": "date"})
    )
    first_half = forms.ChoiceField(
        label=pgettext_lazy("leave", "From"),
        choices=[
            ("morning", gettext_lazy("the morning")),
            ("afternoon", gettext_lazy("the afternoon (12:00)")),
            ("evening", gettext_lazy("the evening (18:00)")),
        ],
    )
    start_time = forms.TimeField(
        label=gettext_lazy("Or from exactly"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    last_day = forms.DateField(
        label=gettext_lazy("Last day"), widget=forms.DateInput(attrs={"type": "date"})
    )
    last_half = forms.ChoiceField(
        label=pgettext_lazy("leave", "Until the end of"),
        initial="day",
        choices=[
            ("day", gettext_lazy("the day")),
            ("morning", gettext_lazy("the morning (12:00)")),
            ("afternoon", gettext_lazy("the afternoon (18:00)")),
        ],
    )
    end_time = forms.TimeField(
        label=gettext_lazy("Or until exactly"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    field_order = (
        "doctor",
        "first_day",
        "first_half",
        "start_time",
        "last_day",
        "last_half",
        "end_time",
        "reason",
        "note",
        "version",
    )

    def clean(self) -> dict[str, Any]:
        """Work out the period from days, half-days and times."""
        said: dict[str, Any] = super().clean() or {}
        if not self.errors:
            self.set_period(
                said["first_day"],
                said["start_time"] or STARTS[said["first_half"]],
                said["last_day"],
                said["end_time"] or ENDS[said["last_half"]],
            )
        return said


class EmergencyForm(AbsentForm):
    """A leave of today, from now or a time, until a time or the day's end."""

    start_time = forms.TimeField(
        label=pgettext_lazy("leave today", "From"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=gettext_lazy(
            "Empty: from now. Write the start of the session if patients of earlier times wait."
        ),
    )
    end_time = forms.TimeField(
        label=pgettext_lazy("leave today", "Until"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=gettext_lazy("Empty: until the end of today."),
    )
    because = forms.CharField(
        label=gettext_lazy("What has happened"),
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy(
            "Kept in the operation log. Please write no names, phone numbers or health data."
        ),
    )
    field_order = ("doctor", "start_time", "end_time", "reason", "note", "because")

    def clean(self) -> dict[str, Any]:
        """Work out the period from today's times."""
        said: dict[str, Any] = super().clean() or {}
        if not self.errors:
            zone = ZoneInfo(said["doctor"].department.clinic.time_zone)
            local = self.now.astimezone(zone)
            start = said["start_time"] or local.time()
            self.set_period(local.date(), start, local.date(), said["end_time"])
        return said


def written(leave: Leave) -> dict[str, Any]:
    """Say a draft as the form asks it: by exact times where it does not follow half-days."""
    zone = ZoneInfo(leave.time_zone)
    start, end = leave.starts_at.astimezone(zone), leave.ends_at.astimezone(zone)
    first_half = _name(STARTS, start.time())
    ends_whole = end.time() == time(0)
    last_day = date.fromordinal(end.toordinal() - 1) if ends_whole else end.date()
    last_half = "day" if ends_whole else _name(ENDS, end.time())
    return {
        "doctor": leave.doctor.code,
        "first_day": start.date().isoformat(),
        "first_half": first_half or "morning",
        "start_time": None if first_half else start.time(),
        "last_day": last_day.isoformat(),
        "last_half": last_half or "day",
        "end_time": None if last_half else end.time(),
        "reason": leave.reason,
        "note": leave.note,
        "version": leave.version,
    }


def _name(names: dict[str, Any], at: time) -> str:
    return next((name for name, when in names.items() if when == at), "")
