"""Which shapes do sessions, places and appointments have in the API?"""

import uuid
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from appointments.choices import AppointmentState, CancelCause, WayToPay
from appointments.models import Appointment
from appointments.selectors.terms import Terms
from billing.api.serializers import InvoiceSerializer, RefundSerializer
from billing.models import Invoice
from billing.selectors import Account
from medbook.api_input import InstantField, MoneyField, PeriodQuery, StrictSerializer
from scheduling.api.serializers import (
    ClinicTimeField,
    NamedSerializer,
    RoomSerializer,
)
from scheduling.choices import SaleState, SlotState
from scheduling.models import Schedule, Slot

LONGEST_REASON = 500
MOST_POINTS = 10_000_000  # of any fee


# Queries and bodies


class PointsField(serializers.IntegerField):
    """How many points pay a part of the fee; 100 are worth 1.00, at most a fifth of it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            min_value=0,
            max_value=MOST_POINTS,
            help_text="100 points are worth 1.00; at most a fifth of the fee after discount.",
            **options,
        )


class InsuranceField(serializers.UUIDField):
    """By which of the patient's policies an insurer bears a part."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            help_text="The id of one of the patient's insurance policies; "
            "its insurer bears a part of what is left after discount and points.",
            **options,
        )


class SchedulesQuery(PeriodQuery):
    """Which sessions are asked for."""

    doctor = serializers.UUIDField(required=False)
    department = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(required=False, choices=SaleState.choices)


class AppointmentsQuery(PeriodQuery):
    """Which of the caller's appointments are asked for."""

    state = serializers.ChoiceField(required=False, choices=AppointmentState.choices)


class BookingBody(StrictSerializer):
    """What a member books; without `pay` the place is only held."""

    patient = serializers.UUIDField()
    schedule = serializers.UUIDField()
    starts_at = InstantField(required=False, help_text="A start; else the first free place.")
    slot = serializers.UUIDField(required=False, help_text="One place; not with `starts_at`.")
    pay = serializers.ChoiceField(required=False, choices=WayToPay.choices)
    reason = serializers.CharField(required=False, max_length=LONGEST_REASON)
    points = PointsField(required=False)
    insurance = InsuranceField(required=False)

    def validate(self, said: dict[str, Any]) -> dict[str, Any]:
        """Refuse what contradicts itself."""
        _require_one_choice(said)
        if "reason" in said and "pay" not in said:
            raise _contradiction("reason", _("Say the reason when you confirm."))
        if "points" in said and "pay" not in said:
            raise _contradiction("points", _("Use points when you confirm."))
        if "insurance" in said and "pay" not in said:
            raise _contradiction("insurance", _("Choose the insurance when you confirm."))
        return said


class DeskBookingBody(StrictSerializer):
    """For whom the desk books what; to be paid at the clinic."""

    member = serializers.UUIDField(help_text="The account of whoever calls.")
    patient = serializers.UUIDField()
    schedule = serializers.UUIDField()
    starts_at = InstantField(required=False, help_text="A start; else the first free place.")
    slot = serializers.UUIDField(required=False, help_text="One place; not with `starts_at`.")
    reason = serializers.CharField(required=False, max_length=LONGEST_REASON)

    def validate(self, said: dict[str, Any]) -> dict[str, Any]:
        """Refuse what contradicts itself."""
        if "slot" in said and "starts_at" in said:
            raise _contradiction("slot", _("Choose a start or a place, not both."))
        return said


class ConfirmBody(StrictSerializer):
    """How a held place is confirmed."""

    pay = serializers.ChoiceField(choices=WayToPay.choices)
    patient = serializers.UUIDField(required=False)
    reason = serializers.CharField(required=False, max_length=LONGEST_REASON)
    points = PointsField(required=False)
    insurance = InsuranceField(required=False)


class CancelBody(StrictSerializer):
    """Why the visit is given up, if the member says so."""

    reason = serializers.ChoiceField(required=False, choices=CancelCause.choices)


class RescheduleBody(StrictSerializer):
    """Where a visit is to go, in its department."""

    schedule = serializers.UUIDField()
    starts_at = InstantField(required=False, help_text="A start; else the first free place.")
    slot = serializers.UUIDField(required=False, help_text="One place; not with `starts_at`.")

    def validate(self, said: dict[str, Any]) -> dict[str, Any]:
        """Refuse what contradicts itself."""
        _require_one_choice(said)
        return said


class CallOffBody(StrictSerializer):
    """Why a session is called off."""

    reason = serializers.CharField(max_length=200)


def _require_one_choice(said: Mapping[str, Any]) -> None:
    if "slot" in said and "starts_at" in said:
        raise _contradiction("slot", _("Choose a start or a place, not both."))


def _contradiction(field: str, text: str) -> serializers.ValidationError:
    return serializers.ValidationError({field: [ErrorDetail(text, "contradiction")]})


# Answers


class ScheduleSerializer(serializers.Serializer):
    """A session, and what it is to the caller."""

    id = serializers.UUIDField(source="uid")
    doctor = NamedSerializer()
    department = NamedSerializer()
    clinic = NamedSerializer(source="department.clinic")
    room = RoomSerializer()
    date = serializers.DateField(source="service_date", help_text="By the clinic's calendar.")
    starts_at = ClinicTimeField()
    ends_at = ClinicTimeField()
    fee = MoneyField()
    your_price = serializers.SerializerMethodField(help_text="What the caller's tier pays.")
    currency = serializers.CharField()
    release_at = ClinicTimeField()
    opens_for_you_at = serializers.SerializerMethodField(help_text="By the caller's tier.")
    sale_stops_at = ClinicTimeField()
    rush_mode = serializers.CharField()
    max_appointments = serializers.IntegerField()
    remaining = serializers.IntegerField(help_text="Free places that have not begun.")
    state = serializers.SerializerMethodField()

    @extend_schema_field(MoneyField())
    def get_your_price(self, schedule: Schedule) -> str:
        return str(self._terms.price(schedule).total)

    @extend_schema_field(serializers.DateTimeField())
    def get_opens_for_you_at(self, schedule: Schedule) -> str:
        opens_at = schedule.opens_at(self._terms.early_minutes)
        return opens_at.astimezone(ZoneInfo(schedule.time_zone)).isoformat()

    @extend_schema_field(serializers.ChoiceField(choices=SaleState.choices))
    def get_state(self, schedule: Any) -> str:
        sale = schedule.sale_state(
            early_minutes=self._terms.early_minutes,
            now=self.context["now"],
            remaining=schedule.remaining,
        )
        return str(sale)

    @property
    def _terms(self) -> Terms:
        terms: Terms = self.context["terms"]
        return terms


SHOWN_SLOT_STATES = [
    (state.value, state.label) for state in (SlotState.FREE, SlotState.TAKEN, SlotState.BLOCKED)
]


class SlotSerializer(serializers.Serializer):
    """One place; what this reader cannot claim reads taken."""

    id = serializers.UUIDField(source="uid")
    number = serializers.IntegerField()
    starts_at = ClinicTimeField(zone="schedule.time_zone")
    ends_at = ClinicTimeField(zone="schedule.time_zone")
    state = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(choices=SHOWN_SLOT_STATES))
    def get_state(self, slot: Slot) -> str:
        if slot.state == SlotState.BLOCKED:
            return SlotState.BLOCKED.value
        is_open = slot.is_open_to(self.context["booker"], self.context["now"])
        return (SlotState.FREE if is_open else SlotState.TAKEN).value


class VisitSerializer(serializers.Serializer):
    """An appointment as staff at the desk need it: nothing about health."""

    id = serializers.UUIDField(source="uid")
    reference = serializers.CharField()
    state = serializers.ChoiceField(choices=AppointmentState.choices)
    patient = serializers.UUIDField(source="patient.uid")
    schedule = serializers.UUIDField(source="slot.schedule.uid")
    slot = serializers.UUIDField(source="slot.uid")
    number = serializers.IntegerField(source="slot.number")
    doctor = NamedSerializer()
    department = NamedSerializer()
    clinic = NamedSerializer(source="department.clinic")
    room = RoomSerializer(source="slot.schedule.room")
    date = serializers.DateField(source="service_date")
    starts_at = ClinicTimeField()
    ends_at = ClinicTimeField()
    arrived_at = ClinicTimeField(allow_null=True)
    started_at = ClinicTimeField(allow_null=True)
    completed_at = ClinicTimeField(allow_null=True)


class AppointmentSerializer(VisitSerializer):
    """An appointment as its owner sees it."""

    end_reason = serializers.CharField(help_text="Why it ended before the visit, or empty.")
    reason = serializers.SerializerMethodField(help_text="What the patient comes for, or empty.")
    fee = MoneyField()
    discount = MoneyField()
    points = serializers.IntegerField(help_text="How many points were used; 100 are worth 1.00.")
    insured = MoneyField(help_text="What the insurer bears.")
    price = MoneyField()
    currency = serializers.CharField()
    way_to_pay = serializers.CharField()
    cancel_until = ClinicTimeField()
    created_at = ClinicTimeField()
    hold_expires_at = ClinicTimeField(allow_null=True)
    confirmed_at = ClinicTimeField(allow_null=True)
    reschedules = serializers.IntegerField(help_text="How often the member has moved it.")
    invoice = serializers.SerializerMethodField()
    extra_invoice = serializers.SerializerMethodField(
        help_text="The rest of a higher price after a change of time; due before check-in."
    )
    refunds = serializers.SerializerMethodField(help_text="What goes back of what was paid.")

    def get_reason(self, appointment: Appointment) -> str:
        return appointment.reason.reveal() if appointment.reason else ""

    @extend_schema_field(InvoiceSerializer(allow_null=True))
    def get_invoice(self, appointment: Appointment) -> Any:
        return self._described(self._account(appointment).invoice)

    @extend_schema_field(InvoiceSerializer(allow_null=True))
    def get_extra_invoice(self, appointment: Appointment) -> Any:
        return self._described(self._account(appointment).extra)

    @extend_schema_field(RefundSerializer(many=True))
    def get_refunds(self, appointment: Appointment) -> Any:
        return RefundSerializer(self._account(appointment).refunds, many=True).data

    def _account(self, appointment: Appointment) -> Account:
        accounts: Mapping[uuid.UUID, Account] = self.context["accounts"]
        return accounts.get(appointment.uid) or Account()

    def _described(self, invoice: Invoice | None) -> Any:
        return InvoiceSerializer(invoice).data if invoice else None


class CalledOffSerializer(serializers.Serializer):
    """What calling a session off did."""

    schedule = serializers.UUIDField()
    appointments = serializers.IntegerField(help_text="How many appointments were called off.")
