"""Which shape has what people say about money?"""

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from billing.choices import Insurer, QuarantineEnd
from billing.models import InsurancePlan
from billing.rules.insurance import normalised_number
from medbook import clock


class DecisionForm(forms.Form):
    """What is decided about money that does not fit, and why."""

    end = forms.ChoiceField(
        label=_("Decision"), choices=QuarantineEnd.choices, widget=forms.RadioSelect
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_(
            "Kept in the operation log. Please write no names, phone numbers or health data."
        ),
    )

    def __init__(self, *args: Any, may_give_back: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_give_back:
            self.fields["end"].choices = [  # type: ignore[attr-defined]
                (QuarantineEnd.DISMISSED, QuarantineEnd.DISMISSED.label)
            ]


class GoodwillForm(forms.Form):
    """How much of a payment is given back; the key lets it happen once."""

    amount = forms.DecimalField(
        label=_("Amount"), min_value=Decimal("0.01"), max_digits=12, decimal_places=2
    )
    key = forms.UUIDField(initial=uuid.uuid4, widget=forms.HiddenInput)


class _DayField(forms.DateField):
    """A day, as the browser's own calendar writes it."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        super().__init__(input_formats=["%Y-%m-%d"], widget=widget, **options)


class PolicyForm(forms.Form):
    """Ask by which plan somebody is insured, under which number, and from when until when."""

    plan = forms.ModelChoiceField(
        label=_("Insurance"),
        queryset=InsurancePlan.objects.none(),
        empty_label=None,
        to_field_name="uid",
        widget=forms.RadioSelect,
    )
    number = forms.CharField(
        label=_("Number of the policy or card"),
        help_text=_("6 to 32 letters and digits. Only the last four are shown from then on."),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    valid_from = _DayField(label=_("Valid from"))
    valid_to = _DayField(label=_("Valid until"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plans = InsurancePlan.objects.filter(is_active=True).order_by("id")
        self.fields["plan"].queryset = plans  # type: ignore[attr-defined]

    def clean_number(self) -> str:
        """Write the number in one way."""
        try:
            return normalised_number(self.cleaned_data["number"])
        except ValueError as wrong:
            raise ValidationError(
                _("A number has 6 to 32 letters and digits. Please check each character.")
            ) from wrong

    def clean(self) -> dict[str, Any]:
        """Refuse days that end before they begin."""
        said: dict[str, Any] = super().clean() or {}
        begin, end = said.get("valid_from"), said.get("valid_to")
        if begin and end and end < begin:
            self.add_error("valid_to", _("This day lies before the first one."))
        return said


class StatementForm(forms.Form):
    """Ask of which insurer and day the statement is to be checked."""

    insurer = forms.ChoiceField(label=_("Insurer"), choices=Insurer.choices)
    day = _DayField(label=_("Day"))

    def clean_day(self) -> Any:
        """Refuse days that are not over yet."""
        day = self.cleaned_data["day"]
        if day > clock.site_date(clock.now()):
            raise ValidationError(_("This day has not come yet."))
        return day


class PlanRowForm(forms.ModelForm):
    """Ask what a plan bears."""

    def clean_uncovered(self) -> list[str]:
        """Refuse anything but a list of codes."""
        codes = self.cleaned_data["uncovered"] or []
        if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
            raise ValidationError(_('Write a list of codes, such as ["checkup"].'))
        return codes
