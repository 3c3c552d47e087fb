"""How do money, policies and settled days look over the API?"""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.choices import (
    DifferenceKind,
    Gateway,
    Insurer,
    InvoiceState,
    LineKind,
    MovementKind,
    PaymentState,
    PolicyState,
    RefundReason,
    RefundState,
    Resolution,
    SettlementState,
)
from billing.models import InsurancePolicy, Settlement
from billing.selectors.settling import differences_of, ours_of, theirs
from medbook import clock
from medbook.api_input import MoneyField, PageQuery, PeriodQuery, StrictSerializer


class InvoicesQuery(PageQuery):
    """Which of the caller's invoices are asked for."""

    state = serializers.ChoiceField(required=False, choices=InvoiceState.choices)


class RefundsQuery(PageQuery):
    """Which refunds staff asks for."""

    state = serializers.ChoiceField(required=False, choices=RefundState.choices)


class SettlementsQuery(PeriodQuery):
    """Which days at gateways staff asks for."""

    gateway = serializers.ChoiceField(required=False, choices=Gateway.choices)
    state = serializers.ChoiceField(required=False, choices=SettlementState.choices)


class PaymentBody(StrictSerializer):
    """Through which gateway an invoice is to be paid."""

    gateway = serializers.ChoiceField(choices=Gateway.choices)


class RefundSerializer(serializers.Serializer):
    """Money that goes back, or went back."""

    id = serializers.UUIDField(source="uid")
    reference = serializers.CharField()
    amount = MoneyField()
    currency = serializers.CharField()
    state = serializers.ChoiceField(choices=RefundState.choices)
    reason = serializers.ChoiceField(choices=RefundReason.choices)


class StaffRefundSerializer(RefundSerializer):
    """The same as staff sees it."""

    payment = serializers.UUIDField(source="payment.uid")
    invoice = serializers.CharField(source="payment.invoice.reference")
    gateway = serializers.ChoiceField(source="payment.gateway", choices=Gateway.choices)
    requested_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)
    message = serializers.CharField(help_text="What the gateway said, or empty.")


class PaymentSerializer(serializers.Serializer):
    """One attempt to pay."""

    id = serializers.UUIDField(source="uid")
    gateway = serializers.ChoiceField(choices=Gateway.choices)
    amount = MoneyField()
    currency = serializers.CharField()
    state = serializers.ChoiceField(choices=PaymentState.choices)
    is_extra = serializers.BooleanField(help_text="Paid too much: all of it goes back.")
    message = serializers.CharField(help_text="What the gateway said, or empty.")
    requested_at = serializers.DateTimeField()
    captured_at = serializers.DateTimeField(allow_null=True)
    refunds = RefundSerializer(many=True)


class LineSerializer(serializers.Serializer):
    """One reason for money; what is taken off is negative."""

    kind = serializers.ChoiceField(choices=LineKind.choices)
    amount = MoneyField()


class InvoiceSerializer(serializers.Serializer):
    """What is owed."""

    id = serializers.UUIDField(source="uid")
    reference = serializers.CharField()
    total = MoneyField()
    currency = serializers.CharField()
    state = serializers.ChoiceField(choices=InvoiceState.choices)


class WholeInvoiceSerializer(InvoiceSerializer):
    """What is owed, how it comes about, and what was paid of it."""

    appointment = serializers.SerializerMethodField(help_text="The appointment that it is for.")
    lines = serializers.SerializerMethodField(help_text="They sum to the total.")
    issued_at = serializers.DateTimeField()
    payable_until = serializers.DateTimeField(
        allow_null=True, help_text="After it, no gateway takes money."
    )
    paid_at = serializers.DateTimeField(allow_null=True)
    payments = PaymentSerializer(many=True)

    def get_appointment(self, invoice: Any) -> str | None:
        kind, _colon, uid = invoice.subject.partition(":")
        return uid if kind == "appointment" else None

    def get_lines(self, invoice: Any) -> Any:
        lines = sorted(invoice.lines.all(), key=lambda line: line.number)
        return LineSerializer(lines, many=True).data


class StartedSerializer(serializers.Serializer):
    """A payment that has begun, and where the payer goes."""

    payment = PaymentSerializer()
    redirect_url = serializers.CharField(help_text="An address to open, or empty.")
    qr = serializers.CharField(help_text="A code for the payer's app to scan, or empty.")


class PolicySerializer(serializers.Serializer):
    """By which insurance a patient's visits can be borne."""

    id = serializers.UUIDField(source="uid", help_text="The `insurance` of a booking.")
    plan = serializers.CharField(source="plan.name")
    is_statutory = serializers.BooleanField(
        source="plan.is_statutory", help_text="Statutory insurance; commercial otherwise."
    )
    insurer = serializers.ChoiceField(source="plan.insurer", choices=Insurer.choices)
    number = serializers.SerializerMethodField(help_text="Masked.")
    valid_from = serializers.DateField()
    valid_to = serializers.DateField(allow_null=True, help_text="Included.")
    state = serializers.SerializerMethodField(help_text="Where today lies to the valid period.")

    def get_number(self, policy: InsurancePolicy) -> str:
        """Mask the number."""
        return str(policy.number)

    @extend_schema_field(serializers.ChoiceField(choices=PolicyState.choices))
    def get_state(self, policy: InsurancePolicy) -> str:
        """Tell whether it is valid today."""
        return policy.state_on(clock.site_date(clock.now()))


class SettlementSerializer(serializers.Serializer):
    """One day at one gateway."""

    id = serializers.UUIDField(source="uid")
    gateway = serializers.ChoiceField(choices=Gateway.choices)
    day = serializers.DateField()
    currency = serializers.CharField()
    state = serializers.ChoiceField(choices=SettlementState.choices)
    fetched_at = serializers.DateTimeField(allow_null=True, help_text="Null: no statement yet.")
    closed_at = serializers.DateTimeField(allow_null=True)
    open_differences = serializers.IntegerField(help_text="To be decided before it is closed.")


class OurSumsSerializer(serializers.Serializer):
    """What our books have for a day."""

    payments = MoneyField()
    refunds = MoneyField()
    gross = MoneyField(help_text="Payments less refunds.")


class TheirSumsSerializer(OurSumsSerializer):
    """What the statement of a day says."""

    fees = MoneyField()
    net = MoneyField(help_text="What arrives at the bank.")


class DifferenceSerializer(serializers.Serializer):
    """What a statement and our books do not agree on."""

    id = serializers.UUIDField(source="uid")
    kind = serializers.ChoiceField(choices=DifferenceKind.choices)
    movement = serializers.ChoiceField(choices=MovementKind.choices)
    our_number = serializers.CharField(help_text="How the gateway should know it, or empty.")
    ours = MoneyField(allow_null=True)
    theirs = MoneyField(allow_null=True)
    resolution = serializers.ChoiceField(
        choices=Resolution.choices, allow_blank=True, help_text="Empty: to be decided."
    )
    resolved_at = serializers.DateTimeField(allow_null=True)


class WholeSettlementSerializer(SettlementSerializer):
    """One day at one gateway with its sums and differences."""

    ours = serializers.SerializerMethodField()
    theirs = serializers.SerializerMethodField(help_text="Fees and net are only theirs to tell.")
    differences = serializers.SerializerMethodField(help_text="Those to be decided first.")

    @extend_schema_field(OurSumsSerializer())
    def get_ours(self, settlement: Settlement) -> Any:
        """Sum up our books."""
        return OurSumsSerializer(ours_of(settlement)).data

    @extend_schema_field(TheirSumsSerializer())
    def get_theirs(self, settlement: Settlement) -> Any:
        """Sum up the statement."""
        return TheirSumsSerializer(theirs(settlement)).data

    @extend_schema_field(DifferenceSerializer(many=True))
    def get_differences(self, settlement: Settlement) -> Any:
        """List what differs."""
        return DifferenceSerializer(differences_of(settlement), many=True).data
