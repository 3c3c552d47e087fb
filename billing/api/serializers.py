"""How do invoices, payments and refunds look over the API?"""

from typing import Any

from rest_framework import serializers

from billing.choices import (
    Gateway,
    InvoiceState,
    LineKind,
    PaymentState,
    RefundReason,
    RefundState,
)
from medbook.api_input import MoneyField, PageQuery, StrictSerializer


class InvoicesQuery(PageQuery):
    """Which of the caller's invoices are asked for."""

    state = serializers.ChoiceField(required=False, choices=InvoiceState.choices)


class RefundsQuery(PageQuery):
    """Which refunds staff asks for."""

    state = serializers.ChoiceField(required=False, choices=RefundState.choices)


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
