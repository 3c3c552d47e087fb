"""Which shape do rosters and schedules have when staff type them in?"""

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.locks import Rung, lock
from scheduling.models import Room, Schedule

MOST_UPLOADED = 5 * 1024 * 1024


class DraftForm(forms.ModelForm):
    """A draft schedule in clinic time; `read_version` is what this person read."""

    start_time = forms.TimeField(label=_("from"), help_text=_("In the clinic's time."))
    end_time = forms.TimeField(label=_("until"))
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
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        """Check what was derived too, once all is there: by it a clash is found."""
        return set(super()._get_validation_exclusions()) if self.errors else set()  # type: ignore[misc]

    def _stored_version(self) -> int | None:
        """Read the version under a lock that lasts until the form is saved."""
        rows = lock(Schedule.objects.filter(pk=self.instance.pk), Rung.SCHEDULE)
        return rows.values_list("version", flat=True).first()


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
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, schedule: Schedule) -> None:
        initial = {
            "room": schedule.room_id,
            "max_appointments": schedule.max_appointments,
            "fee": schedule.fee,
            "version": schedule.version,
        }
        super().__init__(data, initial=initial)
        rooms = Room.objects.filter(clinic=schedule.department.clinic_id, is_active=True)
        in_use = Room.objects.filter(pk=schedule.room_id)
        self.fields["room"].queryset = (rooms | in_use).order_by("code")  # type: ignore[attr-defined]


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
