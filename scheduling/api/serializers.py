"""Which shapes do clinics, doctors, schedules and releases have in the API?"""

from datetime import datetime
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from rest_framework import serializers

from medbook.api_input import (
    InstantField,
    MoneyField,
    PageQuery,
    PeriodQuery,
    StrictSerializer,
    in_order,
)
from scheduling.choices import Gender, RunState, RushMode, ScheduleState, Title
from scheduling.rules.sessions import MOST_PLACES


class ClinicTimeField(InstantField):
    """An instant, shown with the clinic's offset."""

    def __init__(self, *, zone: str = "time_zone", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.zone = attrgetter(zone)

    def get_attribute(self, instance: Any) -> datetime | None:
        """Read the instant in the zone that the object names."""
        value: datetime | None = super().get_attribute(instance)
        return value and value.astimezone(ZoneInfo(self.zone(instance)))

    def to_representation(self, value: datetime) -> str:
        """Write it with its offset."""
        return value.isoformat()


# Queries and bodies


class DoctorsQuery(PageQuery):
    """Which doctors are asked for."""

    department = serializers.UUIDField(required=False)
    q = serializers.CharField(
        required=False,
        max_length=80,
        allow_blank=True,
        help_text="A name in English or Chinese, its pinyin or initials, or a staff number.",
    )
    available_from = serializers.DateField(
        required=False, help_text="Only doctors with a free place on sale from this date on."
    )
    available_to = serializers.DateField(required=False, help_text="... and up to this date.")

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Refuse a period that ends before it begins."""
        return in_order(asked, "available_from", "available_to", named="available_to")


class StaffSchedulesQuery(PeriodQuery):
    """Which schedules are asked for."""

    doctor = serializers.UUIDField(required=False)
    department = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(required=False, choices=ScheduleState.choices)


class RunsQuery(PeriodQuery):
    """Which runs are asked for."""

    department = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(required=False, choices=RunState.choices)


class PlanBody(StrictSerializer):
    """A session to draft, in the clinic's date and times."""

    doctor = serializers.UUIDField()
    room = serializers.UUIDField()
    visit_type = serializers.CharField(max_length=20, help_text="A code, such as `first`.")
    date = serializers.DateField()
    start_time = serializers.TimeField(help_text="In the clinic's time.")
    end_time = serializers.TimeField()
    max_appointments = serializers.IntegerField(min_value=1, max_value=MOST_PLACES)
    fee = MoneyField(
        required=False, min_value=0, help_text="Left out: that of the price list on that date."
    )
    desk_places = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=MOST_PLACES
    )
    high_demand = serializers.BooleanField(required=False, default=False)


class ChangeBody(StrictSerializer):
    """What is to change in a schedule, and the version that the caller read."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    room = serializers.UUIDField(required=False)
    max_appointments = serializers.IntegerField(required=False, min_value=1, max_value=MOST_PLACES)
    fee = MoneyField(required=False, min_value=0)
    desk_places = serializers.IntegerField(
        required=False, min_value=0, max_value=MOST_PLACES, help_text="In a draft only."
    )
    high_demand = serializers.BooleanField(required=False)


class PublishBody(StrictSerializer):
    """Why a draft is published all the same, where that needs a reason."""

    reason = serializers.CharField(
        required=False,
        max_length=200,
        help_text="Lets it through on a public holiday or above the doctor's weekly hours.",
    )


# Answers


class NamedSerializer(serializers.Serializer):
    """A thing of the catalogue: its id, and its name in the caller's language."""

    id = serializers.UUIDField(source="uid")
    name = serializers.CharField()


class RoomSerializer(serializers.Serializer):
    """A room: its id and what stands on the door."""

    id = serializers.UUIDField(source="uid")
    name = serializers.CharField(source="code")


class ClinicSerializer(NamedSerializer):
    """A clinic."""

    address = serializers.CharField()
    phone = serializers.CharField()
    time_zone = serializers.CharField(help_text="The zone of all dates and times of this clinic.")


class DepartmentSerializer(NamedSerializer):
    """A department."""

    clinic = NamedSerializer()


class DoctorSerializer(NamedSerializer):
    """A doctor."""

    title = serializers.ChoiceField(choices=Title.choices)
    gender = serializers.ChoiceField(choices=Gender.choices)
    introduction = serializers.CharField()
    department = NamedSerializer()
    clinic = NamedSerializer(source="department.clinic")


class StaffScheduleSerializer(serializers.Serializer):
    """A schedule as staff keep it."""

    id = serializers.UUIDField(source="uid")
    doctor = NamedSerializer()
    department = NamedSerializer()
    clinic = NamedSerializer(source="department.clinic")
    room = RoomSerializer()
    visit_type = serializers.CharField(source="visit_type.code")
    date = serializers.DateField(source="service_date", help_text="By the clinic's calendar.")
    starts_at = ClinicTimeField()
    ends_at = ClinicTimeField()
    max_appointments = serializers.IntegerField()
    fee = MoneyField()
    currency = serializers.CharField()
    state = serializers.ChoiceField(choices=ScheduleState.choices)
    rush_mode = serializers.ChoiceField(choices=RushMode.choices)
    desk_places = serializers.IntegerField(help_text="Places kept for the front desk.")
    high_demand = serializers.BooleanField(help_text="Places given back return at random.")
    release_at = ClinicTimeField()
    sale_stops_at = ClinicTimeField()
    same_day_from = ClinicTimeField()
    version = serializers.IntegerField(help_text="To be sent along with a change.")


class RunSerializer(serializers.Serializer):
    """One department's date, as the release made it."""

    id = serializers.UUIDField(source="uid")
    department = NamedSerializer()
    clinic = NamedSerializer(source="department.clinic")
    date = serializers.DateField(source="service_date")
    state = serializers.ChoiceField(choices=RunState.choices)
    started_at = ClinicTimeField(zone="department.clinic.time_zone")
    finished_at = ClinicTimeField(zone="department.clinic.time_zone", allow_null=True)
    schedules_made = serializers.IntegerField()
    places_made = serializers.IntegerField(source="slots_made")
    clashes = serializers.SerializerMethodField(help_text="How many patterns it could not follow.")

    def get_clashes(self, run: Any) -> int:
        return len(run.clashes)


class ReleaseSerializer(serializers.Serializer):
    """What a run of the release did."""

    dates = serializers.IntegerField(help_text="Departments' dates that were looked at.")
    schedules = serializers.IntegerField()
    places = serializers.IntegerField()
    clashes = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Dates that the next run tries again.")
