"""Which shapes do leaves have in the API?"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from appointments.rules.leave import LONGEST_LEAVE
from medbook.api_input import InstantField, StrictSerializer
from medbook.jobs.choices import JobState
from medbook.jobs.models import Job
from scheduling.api.serializers import ClinicTimeField, NamedSerializer
from scheduling.choices import LeaveReason, LeaveState
from scheduling.models import Leave


class LeaveBody(StrictSerializer):
    """Who does not sit, when and why; `because` is kept in the operation log."""

    doctor = serializers.UUIDField()
    starts_at = InstantField()
    ends_at = InstantField()
    reason = serializers.ChoiceField(choices=LeaveReason.choices, help_text="Members are told it.")
    note = serializers.CharField(required=False, max_length=200, help_text="Staff reads it.")
    because = serializers.CharField(max_length=200)

    def validate(self, said: dict[str, Any]) -> dict[str, Any]:
        """Refuse a period that cannot be, whatever the time is."""
        length = said["ends_at"] - said["starts_at"]
        if not timedelta(0) < length <= LONGEST_LEAVE:
            text = _("A leave ends after it starts, and lasts at most a year.")
            raise serializers.ValidationError({"ends_at": [ErrorDetail(text, "contradiction")]})
        return said


class LeaveJobSerializer(serializers.Serializer):
    """How far a job is."""

    id = serializers.UUIDField(source="uid")
    state = serializers.ChoiceField(choices=JobState.choices)
    phase = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()


class LeaveSerializer(serializers.Serializer):
    """A leave, and how far its job is."""

    id = serializers.UUIDField(source="uid")
    doctor = NamedSerializer()
    department = NamedSerializer(source="doctor.department")
    clinic = NamedSerializer(source="doctor.department.clinic")
    starts_at = ClinicTimeField()
    ends_at = ClinicTimeField()
    reason = serializers.ChoiceField(choices=LeaveReason.choices)
    note = serializers.CharField()
    is_emergency = serializers.BooleanField()
    state = serializers.ChoiceField(choices=LeaveState.choices)
    confirmed_at = ClinicTimeField(allow_null=True)
    job = serializers.SerializerMethodField()

    @extend_schema_field(LeaveJobSerializer(allow_null=True))
    def get_job(self, leave: Leave) -> Any:
        jobs: Mapping[str, Job] = self.context["jobs"]
        job = jobs.get(str(leave.uid))
        return LeaveJobSerializer(job).data if job else None


class TallySerializer(serializers.Serializer):
    """What the visits of a leave have come to, in numbers."""

    visits = serializers.IntegerField(help_text="Visits called off.")
    told = serializers.IntegerField()
    refunds = serializers.IntegerField(help_text="Refunds asked for.")
    kept = serializers.IntegerField(help_text="Visits for which other places were kept.")
    accepted = serializers.IntegerField()


class LeaveInFullSerializer(LeaveSerializer):
    """A leave with what it has done so far."""

    outcome = serializers.SerializerMethodField()

    @extend_schema_field(TallySerializer(allow_null=True))
    def get_outcome(self, leave: Leave) -> Any:
        tally = self.context["tally"]
        return TallySerializer(tally).data if tally else None
