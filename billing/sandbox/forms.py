"""What do programs and people tell the bank?"""

import json
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from billing.sandbox.choices import Behaviour
from billing.sandbox.errors import Invalid
from billing.sandbox.models import LONGEST_NUMBER, SandboxConsole

LONGEST_URL = 500
YEARS = range(2000, 3000)  # neither calendars nor databases go on without end
LARGEST_WAIT = 24 * 3600
AMOUNT = re.compile(r"(?!0+\.00)[0-9]{1,8}\.[0-9]{2}", re.ASCII)
PRINTABLE = re.compile(r"[\x21-\x7e]+")


class AmountField(forms.CharField):
    """More than nothing, with two decimals."""

    def clean(self, value: Any) -> Decimal:
        """Read the amount."""
        text = super().clean(value)
        if not AMOUNT.fullmatch(text):
            raise ValidationError("amount")
        return Decimal(text)


class AddressField(forms.CharField):
    """An http or https address, in ASCII."""

    def clean(self, value: Any) -> str:
        """Refuse what a browser or a program would read as something else."""
        text = str(super().clean(value))
        try:
            parts = urlsplit(text)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
            is_address = is_address and (parts.port is None or parts.port > 0)
        except ValueError as wrong:
            raise ValidationError("address") from wrong
        if not is_address or not PRINTABLE.fullmatch(text) or "\\" in text:
            raise ValidationError("address")
        return text


class InstantField(forms.CharField):
    """An ISO instant with its offset from UTC."""

    def clean(self, value: Any) -> datetime:
        """Read the instant."""
        try:
            instant = datetime.fromisoformat(super().clean(value))
        except ValueError as wrong:
            raise ValidationError("instant") from wrong
        if instant.tzinfo is None or instant.year not in YEARS:
            raise ValidationError("instant")
        return instant


class Request(forms.Form):
    """The body of a program's request: a JSON object of exactly these texts."""

    number = forms.RegexField(r"\A[A-Za-z0-9]+\Z", max_length=LONGEST_NUMBER)
    amount = AmountField()
    currency = forms.CharField()

    @classmethod
    def read(cls, body: bytes) -> dict[str, Any]:
        """Read a body. Raises: Invalid."""
        try:
            said = json.loads(body)
            json.dumps(said, ensure_ascii=False).encode()  # half a character cannot be kept
        except (ValueError, RecursionError) as wrong:
            raise Invalid from wrong
        if not isinstance(said, dict) or said.keys() != cls.base_fields.keys():
            raise Invalid
        form = cls(said)
        if not all(isinstance(value, str) for value in said.values()) or not form.is_valid():
            raise Invalid
        return form.cleaned_data

    def clean_currency(self) -> str:
        """Refuse other money than the house's."""
        if self.cleaned_data["currency"] != settings.CURRENCY:
            raise ValidationError("currency")
        return str(self.cleaned_data["currency"])


class PaymentRequest(Request):
    """Ask for money."""

    notify_url = AddressField(max_length=LONGEST_URL)
    title = forms.CharField(max_length=120)
    return_url = AddressField(max_length=LONGEST_URL)
    expires_at = InstantField()


class RefundRequest(Request):
    """Give money back."""

    notify_url = AddressField(max_length=LONGEST_URL)
    payment_number = forms.RegexField(r"\A[A-Za-z0-9]+\Z", max_length=LONGEST_NUMBER)


class ClaimRequest(Request):
    """Ask the insurer to bear a part."""

    policy = forms.RegexField(r"\A[A-Z0-9]{6,32}\Z")
    reference = forms.CharField(max_length=60)


class PayForm(forms.Form):
    """Ask the payer how the bank behaves; what is left out is as the console says."""

    behaviour = forms.ChoiceField(
        label=_("How the bank behaves"),
        choices=Behaviour.choices,
        required=False,
        widget=forms.RadioSelect,
    )
    late_seconds = forms.IntegerField(
        label=_("Late means after how many seconds"),
        min_value=1,
        max_value=LARGEST_WAIT,
        required=False,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )


class ConsoleForm(forms.ModelForm):
    """Ask how the bank behaves from now on."""

    late_seconds = forms.IntegerField(
        label=_("Late means after how many seconds"), min_value=1, max_value=LARGEST_WAIT
    )

    class Meta:
        model = SandboxConsole
        fields = (
            "state",
            "payment_behaviour",
            "refund_behaviour",
            "claim_behaviour",
            "late_seconds",
            "leaves_out_latest",
            "adds_unknown",
            "changes_amount",
            "doubles_refund",
        )
        widgets = {
            "claim_behaviour": forms.RadioSelect,
            "payment_behaviour": forms.RadioSelect,
            "refund_behaviour": forms.RadioSelect,
            "state": forms.RadioSelect,
        }


def read_day(text: str) -> date:
    """Read a day of an address. Raises: Invalid."""
    try:
        day = date.fromisoformat(text)
    except ValueError as wrong:
        raise Invalid from wrong
    if day.year not in YEARS:
        raise Invalid
    return day
