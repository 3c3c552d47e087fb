"""What do people type, or their browsers send, to show a second factor?"""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MOST_ANSWER_CHARACTERS = 20_000


class FactorCodeForm(forms.Form):
    """Ask for a code of the authenticator app, or for a recovery code."""

    code = forms.CharField(
        label=_("One-time code"),
        max_length=40,
        help_text=_("6 digits from your authenticator app, or one of your recovery codes."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )


class NewAppForm(forms.Form):
    """Ask for a first code of a new authenticator app."""

    code = forms.CharField(
        label=_("One-time code"),
        max_length=20,
        help_text=_("The 6 digits that the app shows now."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class PasskeyAnswerForm(forms.Form):
    """Take what the browser says of a passkey."""

    answer = forms.CharField(max_length=MOST_ANSWER_CHARACTERS, widget=forms.HiddenInput())

    default_error_messages = {"invalid": _("The browser sent no passkey.")}

    def clean_answer(self) -> dict[str, Any]:
        """Read the browser's JSON."""
        try:
            answer = json.loads(self.cleaned_data["answer"])
        except (ValueError, RecursionError) as wrong:
            raise ValidationError(self.default_error_messages["invalid"], code="invalid") from wrong
        if not isinstance(answer, dict):
            raise ValidationError(self.default_error_messages["invalid"], code="invalid")
        return answer


class NewPasskeyForm(PasskeyAnswerForm):
    """Take a new passkey, and its owner's name for it."""

    name = forms.CharField(
        label=_("Name of this passkey"),
        max_length=40,
        required=False,
        help_text=_("So that you know it again, for example: my phone."),
    )
    field_order = ("name", "answer")
