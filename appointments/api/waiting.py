"""Which shapes do wishes, offers and alternatives have in the API?"""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from appointments.choices import Band, EntryState, HalfDay, OfferState
from appointments.models import Offer
from medbook.api_input import MoneyField, PageQuery, StrictSerializer, in_order
from scheduling.api.serializers import (
    ClinicTimeField,
    NamedSerializer,
    RoomSerializer,
)

TARGETS = ("schedule", "doctor", "department")


# Queries and bodies


class WishesQuery(PageQuery):
    """Which of the caller's wishes are asked for."""

    state = serializers.ChoiceField(required=False, choices=EntryState.choices)


class WishBody(StrictSerializer):
    """For whom, for what and when; exactly one of `schedule`, `doctor` and `department`."""

    patient = serializers.UUIDField()
    schedule = serializers.UUIDField(required=False, help_text="Alone: it has its day and hours.")
    doctor = serializers.UUIDField(required=False)
    department = serializers.UUIDField(required=False)
    first_day = serializers.DateField(required=False, help_text="Unless for a session.")
    last_day = serializers.DateField(required=False, help_text="Included.")
    half_days = serializers.ListField(
        child=serializers.ChoiceField(choices=HalfDay.choices),
        required=False,
        allow_empty=False,
        max_length=len(HalfDay),
        help_text="Left out: any time of day.",
    )

    def validate(self, said: dict[str, Any]) -> dict[str, Any]:
        """Refuse what names no target, two, or days that a session has of its own."""
        named = [name for name in TARGETS if name in said]
        if len(named) != 1:
            raise _wrong((named or TARGETS)[-1], "contradiction", _("Name one thing to wait for."))
        days = [name for name in ("first_day", "last_day") if name in said]
        if "schedule" in said:
            for name in (*days, *(["half_days"] if "half_days" in said else [])):
                raise _wrong(name, "contradiction", _("A session has its own day and hours."))
            return said
        for name in ("first_day", "last_day"):
            if name not in said:
                raise _wrong(name, "required", _("Say from when until when."))
        return in_order(said, "first_day", "last_day", named="last_day")


class DeclineBody(StrictSerializer):
    """Whether the patient waits on after declining."""

    keep = serializers.BooleanField(required=False, default=False)


def _wrong(field: str, code: str, text: str) -> serializers.ValidationError:
    return serializers.ValidationError({field: [ErrorDetail(text, code)]})


# Answers


class WishSerializer(serializers.Serializer):
    """What a patient waits for."""

    id = serializers.UUIDField(source="uid")
    patient = serializers.UUIDField(source="patient.uid")
    department = NamedSerializer()
    doctor = NamedSerializer(allow_null=True)
    schedule = serializers.UUIDField(source="schedule.uid", allow_null=True, default=None)
    first_day = serializers.DateField()
    last_day = serializers.DateField()
    half_days = serializers.ListField(child=serializers.ChoiceField(choices=HalfDay.choices))
    state = serializers.ChoiceField(choices=EntryState.choices)
    lapses = serializers.IntegerField(help_text="Offers not answered; the second ends the wish.")
    joined_at = ClinicTimeField()
    ended_at = ClinicTimeField(allow_null=True)
    position = serializers.SerializerMethodField(
        help_text="Roughly how far in front; null unless it waits."
    )

    @extend_schema_field(serializers.ChoiceField(choices=Band.choices, allow_null=True))
    def get_position(self, wish: Any) -> str | None:
        band = self.context["bands"].get(wish.pk)
        return band and str(band.value)


class OfferSerializer(serializers.Serializer):
    """A place that is kept for one patient."""

    id = serializers.UUIDField(source="uid")
    state = serializers.ChoiceField(choices=OfferState.choices)
    patient = serializers.UUIDField(source="patient.uid")
    waitlist_entry = serializers.UUIDField(
        source="entry.uid", allow_null=True, default=None, help_text="Null: see called_off."
    )
    called_off = serializers.UUIDField(
        source="called_off.uid",
        allow_null=True,
        default=None,
        help_text="The appointment that the clinic called off, instead of which this is offered.",
    )
    schedule = serializers.UUIDField(source="slot.schedule.uid")
    slot = serializers.UUIDField(source="slot.uid")
    doctor = NamedSerializer(source="slot.schedule.doctor")
    department = NamedSerializer(source="slot.schedule.department")
    clinic = NamedSerializer(source="slot.schedule.department.clinic")
    room = RoomSerializer(source="slot.schedule.room")
    starts_at = ClinicTimeField(source="slot.starts_at", zone="slot.schedule.time_zone")
    ends_at = ClinicTimeField(source="slot.ends_at", zone="slot.schedule.time_zone")
    fee = MoneyField(source="slot.schedule.fee")
    currency = serializers.CharField(source="slot.schedule.currency")
    expires_at = ClinicTimeField(zone="slot.schedule.time_zone")
    appointment = serializers.SerializerMethodField(help_text="Made by accepting; else null.")

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_appointment(self, offer: Offer) -> str | None:
        return str(offer.appointment.uid) if offer.appointment else None


class FreeTimeSerializer(serializers.Serializer):
    """A time that is free."""

    schedule = serializers.UUIDField(source="schedule.uid")
    starts_at = ClinicTimeField(zone="schedule.time_zone")
    doctor = NamedSerializer(source="schedule.doctor")


class AlternativesSerializer(serializers.Serializer):
    """What helps instead: free times, of similar doctors too, waiting, the next release."""

    times = FreeTimeSerializer(many=True)
    waitlist = serializers.BooleanField(help_text="Whether the session can be waited for.")
    opens_at = serializers.DateTimeField(
        allow_null=True, help_text="When the doctor's next session opens for the caller."
    )
