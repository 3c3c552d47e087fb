"""Which shape has what staff says about money?"""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.choices import QuarantineEnd


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
