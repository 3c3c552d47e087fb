"""Which shape do rosters and schedules have when staff type them in?"""

import re
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.locks import Rung, lock
from scheduling.errors import NoPrice
from scheduling.models import Clinic, Department, Doctor, Price, Room, Schedule, VisitType
from scheduling.rules.sessions import MOST_PLACES
from scheduling.rules.weeks import Week
from scheduling.selectors.prices import require_price
from scheduling.services.rosters import SessionPlan

MOST_UPLOADED = 5 * 1024 * 1024
WEEKS_OFFERED = 26
MOST_WEEKS = 8
FROM_THE_LIST = _("Empty: from the price list.")


class DraftForm(forms.ModelForm):
    """A draft schedule in clinic time; `read_version` is what this person read."""

    start_time = forms.TimeField(label=_("from"), help_text=_("In the clinic's time."))
    end_time = forms.TimeField(label=_("until"))
    fee = forms.DecimalField(
        label=_("fee"),
        min_value=0,
        max_digits=12,
        decimal_places=2,
        required=False,
        help_text=FROM_THE_LIST,
    )
    read_version = forms.IntegerField(label=_("version"), widget=forms.HiddenInput, required=False)

    class Meta:
        model = Schedule
        fields = ["doctor", "room", "visit_type", "service_date", "max_appointments", "fee"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        schedule = self.instance
        if schedule.pk:
            zone = ZoneInfo(schedule.time_zone)
            self.initial["start_time"] = schedule.starts_at.astimezone(zone).time()
            self.initial["end_time"] = schedule.ends_at.astimezone(zone).time()
            self.initial["read_version"] = schedule.version

    def clean(self) -> dict[str, Any]:
        """Refuse an outdated version and hours that do not exist; derive all instants."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk and self._stored_version() != cleaned.get("read_version"):
            raise forms.ValidationError(
                _("Somebody changed this schedule in the meantime. Load it again to see it.")
            )
        if not {"doctor", "service_date", "start_time", "end_time"} <= cleaned.keys():
            return cleaned
        self.instance.doctor = cleaned["doctor"]
        self.instance.service_date = cleaned["service_date"]
        if not self.instance.set_hours(cleaned["start_time"], cleaned["end_time"]):
            self.add_error("end_time", _("There are no such hours on that day."))
        elif self.instance.ends_at <= clock.now():
            self.add_error("service_date", _("This session is over."))
        if "visit_type" in cleaned and cleaned.get("fee", 0) is None:
            self._take_price(cleaned)
        return cleaned

    def _take_price(self, cleaned: dict[str, Any]) -> None:
        """Fill in the price of that day."""
        asked = (cleaned[name] for name in ("doctor", "visit_type", "service_date"))
        try:
            cleaned["fee"] = require_price(*asked)
        except NoPrice as refusal:
            self.add_error("fee", refusal.detail)

    def _get_validation_exclusions(self) -> set[str]:
        """Check what was derived too, once all is there: by it a clash is found."""
        return set(super()._get_validation_exclusions()) if self.errors else set()  # type: ignore[misc]

    def _stored_version(self) -> int | None:
        """Read the version under a lock that lasts until the form is saved."""
        rows = lock(Schedule.objects.filter(pk=self.instance.pk), Rung.SCHEDULE)
        return rows.values_list("version", flat=True).first()


class RosterFilter(forms.Form):
    """Which week of whose rosters; nothing said: this week of a clinic's first department."""

    week = forms.CharField(
        label=_("Week"), max_length=10, widget=forms.TextInput({"type": "week"}), required=False
    )
    clinic = forms.ModelChoiceField(
        Clinic.objects.filter(is_active=True).order_by("code"),
        to_field_name="code",
        label=_("Clinic"),
        required=False,
        empty_label=None,
    )
    department = forms.ModelChoiceField(
        Department.objects.filter(is_active=True).order_by("clinic__code", "code"),
        to_field_name="code",
        label=_("Department"),
        required=False,
        empty_label=_("All departments"),
    )

    def clean_week(self) -> Week | None:
        """Refuse a week that no year has."""
        name = self.cleaned_data["week"]
        week = Week.named(name) if name else None
        if name and week is None:
            self.fields["week"].widget.input_type = "text"  # a chooser would not show it
            raise forms.ValidationError(_("There is no such week. Write it like 2026-W48."))
        return week

    def clean(self) -> dict[str, Any]:
        """Take the department's clinic where none is said; refuse a department of another."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        department, clinic = found.get("department"), found.get("clinic")
        if department and clinic and department.clinic_id != clinic.pk:
            self.add_error("department", _("This department is in another clinic."))
        elif department:
            found["clinic"] = department.clinic
        return found


class SessionForm(forms.Form):
    """A draft on the roster, in clinic time, with plain choices among one department's doctors."""

    doctor = forms.ModelChoiceField(Doctor.objects.none(), label=_("doctor"), empty_label=None)
    service_date = forms.DateField(
        label=_("date"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    start_time = forms.TimeField(
        label=_("from"),
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
        help_text=_("In the clinic's time."),
    )
    end_time = forms.TimeField(
        label=_("until"), widget=forms.TimeInput({"type": "time"}, format="%H:%M")
    )
    room = forms.ModelChoiceField(Room.objects.none(), label=_("room"))
    visit_type = forms.ModelChoiceField(
        VisitType.objects.order_by("code"), label=_("visit type"), empty_label=None
    )
    max_appointments = forms.IntegerField(label=_("places"), min_value=1, max_value=MOST_PLACES)
    desk_places = forms.IntegerField(
        label=_("places kept for the front desk"), min_value=0, max_value=MOST_PLACES, initial=0
    )
    fee = forms.DecimalField(
        label=_("fee"),
        min_value=0,
        max_digits=12,
        decimal_places=2,
        required=False,
        help_text=FROM_THE_LIST,
    )
    high_demand = forms.BooleanField(
        label=_("high demand"),
        required=False,
        help_text=_("A place given back returns at a random later minute."),
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, data: Any = None, *, department: Department, initial: Any = None, kept: Any = None
    ) -> None:
        super().__init__(data, initial=initial)
        doctors = Doctor.objects.filter(department=department, is_active=True)
        rooms = Room.objects.filter(clinic=department.clinic_id, is_active=True)
        if kept is not None:
            doctors |= Doctor.objects.filter(pk=kept.doctor_id)
            rooms |= Room.objects.filter(pk=kept.room_id)
        fields: Any = self.fields
        fields["doctor"].queryset = doctors.select_related("department__clinic").order_by("code")
        fields["room"].queryset = rooms.select_related("clinic").order_by("code")

    def clean(self) -> dict[str, Any]:
        """Refuse to keep more places than there are."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        kept, places = found.get("desk_places"), found.get("max_appointments")
        if kept is not None and places is not None and kept > places:
            self.add_error("desk_places", _("No more places can be kept than there are."))
        return found

    @property
    def plan(self) -> SessionPlan:
        """What was planned."""
        return SessionPlan(
            **{name: value for name, value in self.cleaned_data.items() if name != "version"}
        )


class DayQuery(forms.Form):
    """For whom and when a session is to be drafted, if that is said."""

    doctor = forms.UUIDField(required=False)
    day = forms.DateField(required=False)
    department = forms.SlugField(required=False)


class ChosenForm(forms.Form):
    """Sessions ticked on the roster, each with the version that was read, and what to do."""

    act = forms.ChoiceField(choices=[(act, act) for act in ("room", "places", "delete")])
    room = forms.ModelChoiceField(Room.objects.filter(is_active=True), required=False)
    places = forms.IntegerField(min_value=1, max_value=MOST_PLACES, required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        self.chosen = [read_choice(value) for value in data.getlist("session")]

    def clean(self) -> dict[str, Any]:
        """Refuse ticks that no page of ours has made, and an act without what it needs."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.chosen:
            raise forms.ValidationError(_("Please tick at least one session."))
        if None in self.chosen:
            raise forms.ValidationError(_("This is no session of the roster."))
        act = found.get("act")
        if act == "room" and not found.get("room") and "room" not in self.errors:
            self.add_error("room", _("Please choose a room."))
        if act == "places" and not found.get("places") and "places" not in self.errors:
            self.add_error("places", _("Please say how many places."))
        return found


def read_choice(value: str) -> tuple[uuid.UUID, int] | None:
    """Read a tick: a session and the version that was shown; None for anything else."""
    found = re.fullmatch(r"([0-9a-f-]{36}):(\d{1,9})", value)
    try:
        return (uuid.UUID(found[1]), int(found[2])) if found else None
    except ValueError:
        return None


class PublishForm(forms.Form):
    """Why to publish what is on a holiday or above the hours, where that is asked."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        required=False,
        widget=forms.Textarea({"rows": 2}),
        help_text=_("Kept in the operation log. Please write no names or health data."),
    )


class AdjustForm(forms.Form):
    """What may change in a schedule that members can see."""

    room = forms.ModelChoiceField(Room.objects.none(), label=_("room"))
    max_appointments = forms.IntegerField(
        label=_("places"),
        min_value=1,
        max_value=5000,
        help_text=_("Fewer places than before block the free ones with the highest numbers."),
    )
    fee = forms.DecimalField(
        label=_("fee"),
        min_value=0,
        max_digits=12,
        decimal_places=2,
        help_text=_("Appointments made before keep their price."),
    )
    high_demand = forms.BooleanField(
        label=_("high demand"),
        required=False,
        help_text=_("A place given back returns at a random later minute."),
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, schedule: Schedule) -> None:
        initial = {
            "room": schedule.room_id,
            "max_appointments": schedule.max_appointments,
            "fee": schedule.fee,
            "high_demand": schedule.high_demand,
            "version": schedule.version,
        }
        super().__init__(data, initial=initial)
        rooms = Room.objects.filter(clinic=schedule.department.clinic_id, is_active=True)
        in_use = Room.objects.filter(pk=schedule.room_id)
        self.fields["room"].queryset = (rooms | in_use).order_by("code")  # type: ignore[attr-defined]


class PriceForm(forms.ModelForm):
    """A price from a day on; what begins before today stays as it is."""

    class Meta:
        model = Price
        fields = ["clinic", "visit_type", "title", "fee", "valid_from"]

    def clean(self) -> dict[str, Any]:
        """Refuse to rewrite the past, by the clinic's calendar."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if {"clinic", "valid_from"} <= cleaned.keys():
            wanted = Price(clinic=cleaned["clinic"], valid_from=cleaned["valid_from"])
            if wanted.is_past(clock.now()):
                text = _("The past stays as it was. Please choose today or later.")
                self.add_error("valid_from", text)
        return cleaned


class UploadForm(forms.Form):
    """A file to import."""

    file = forms.FileField(
        label=_("File"), help_text=_("CSV in UTF-8, or an Excel workbook (.xlsx); at most 5 MB.")
    )

    def clean_file(self) -> Any:
        """Refuse a file that is too large to be looked through while somebody waits."""
        file = self.cleaned_data["file"]
        if file.size > MOST_UPLOADED:
            raise forms.ValidationError(_("The file is larger than 5 MB."))
        return file


class ApplyForm(forms.Form):
    """The checked file that is to be imported."""

    token = forms.UUIDField(widget=forms.HiddenInput)


class WeeksForm(forms.Form):
    """Of which departments the sessions of which whole weeks are to be made."""

    week = forms.ChoiceField(label=_("First week"))
    weeks = forms.IntegerField(
        label=_("Number of weeks"), min_value=1, max_value=MOST_WEEKS, initial=1
    )
    clinic = forms.ModelChoiceField(
        Clinic.objects.filter(is_active=True).order_by("code"),
        label=_("Clinic"),
        required=False,
        empty_label=_("All clinics"),
    )
    department = forms.ModelMultipleChoiceField(
        Department.objects.filter(is_active=True, clinic__is_active=True).order_by(
            "clinic__code", "code"
        ),
        label=_("Departments"),
        required=False,
        help_text=_("None chosen: all departments."),
    )

    def __init__(self, data: Any = None, *, now: datetime) -> None:
        super().__init__(data)
        self.today = clock.local_date(now, settings.TIME_ZONE)
        weeks = [Week.of(self.today + timedelta(weeks=number)) for number in range(WEEKS_OFFERED)]
        self.fields["week"].choices = [(str(week), _said(week)) for week in weeks]  # type: ignore[attr-defined]
        self.fields["week"].initial = str(weeks[3])  # the first that no night has made

    @property
    def first(self) -> date:
        """The first day; of the current week, today."""
        return max(self._monday, self.today)

    @property
    def last(self) -> date:
        """The last day."""
        weeks: int = self.cleaned_data["weeks"]
        return self._monday + timedelta(weeks=weeks, days=-1)

    @property
    def _monday(self) -> date:
        return date.fromisoformat(f"{self.cleaned_data['week']}-1")

    def departments(self) -> list[Department]:
        """List the departments asked for; of the chosen clinic, where there is one."""
        rows = self.cleaned_data["department"] or self.fields["department"].queryset  # type: ignore[attr-defined]
        clinic = self.cleaned_data["clinic"]
        return list(rows.filter(clinic=clinic) if clinic else rows)

    def asked(self) -> Iterator[tuple[str, str]]:
        """Give what was asked, to be asked again."""
        for name in self.fields:
            chosen = self[name].value()
            values = chosen if isinstance(chosen, list | tuple) else [chosen]
            yield from ((name, str(value)) for value in values if value)


def _said(week: Week) -> str:
    return _("Week %(number)s, %(first)s – %(last)s") % {
        "number": f"{week.monday:%V}",
        "first": date_format(week.monday, "MONTH_DAY_FORMAT"),
        "last": date_format(week.sunday, "MONTH_DAY_FORMAT"),
    }
