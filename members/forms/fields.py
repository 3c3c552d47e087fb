"""How are phone numbers, names and document numbers typed?"""

import re
import unicodedata
from typing import Any

from django import forms
from django.contrib.auth.password_validation import (
    password_validators_help_text_html,
    validate_password,
)
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from members.rules import spelling
from members.rules.codes import DIGITS, ENDING_LENGTH

MOST_PASSWORD_CHARACTERS = 128  # hashing longer ones costs time and adds nothing


class PhoneField(forms.CharField):
    """A phone number in any spelling, cleaned to E.164."""

    default_error_messages = {"invalid": _("This is not a phone number.")}

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(
            attrs={"type": "tel", "inputmode": "tel", "autocomplete": "username"}
        )
        super().__init__(
            **{"label": _("Phone number"), "max_length": 30, "widget": widget, **options}
        )

    def clean(self, value: Any) -> str:
        """Write the number in E.164."""
        text = super().clean(value)
        if text in self.empty_values:
            return ""
        try:
            return spelling.normalised_phone(text)
        except ValueError as wrong:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from wrong


class CodeField(forms.CharField):
    """A code as it came by SMS; blanks and dashes that were pasted along are left out."""

    default_error_messages = {"invalid": _("The code has 6 digits.")}

    def __init__(self, **options: Any) -> None:
        attributes = {"inputmode": "numeric", "autocomplete": "one-time-code", "class": "is-code"}
        widget = forms.TextInput(attrs=attributes)
        super().__init__(**{"label": _("Code"), "max_length": 20, "widget": widget, **options})

    def clean(self, value: Any) -> str:
        """Keep the digits, in ASCII."""
        text = unicodedata.normalize("NFKC", str(super().clean(value)))
        digits = re.sub(r"[\s-]", "", text)
        if digits and not re.fullmatch(rf"[0-9]{{{DIGITS}}}", digits):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return digits


class NewPasswordField(forms.CharField):
    """A password to be set, judged by the validators in the settings."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{
                "label": _("New password"),
                "max_length": MOST_PASSWORD_CHARACTERS,
                "strip": False,
                "widget": forms.PasswordInput(attrs={"autocomplete": "new-password"}),
                "help_text": password_validators_help_text_html,
                **options,
            }
        )

    def clean(self, value: Any) -> str:
        """Refuse what would be guessed."""
        password = str(super().clean(value))
        if password:
            validate_password(password)
        return password


class NameField(forms.CharField):
    """A person's name, as on the document."""

    default_error_messages = {"invalid": _("Please write the name with letters.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"label": _("Full name"), "max_length": 80, **options})

    def clean(self, value: Any) -> str:
        """Refuse what no name holds: control characters, or no letter at all."""
        text = str(super().clean(value))
        kinds = {unicodedata.category(character)[0] for character in text}
        if text and ("C" in kinds or "L" not in kinds):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return text


class IdentityNumberField(forms.CharField):
    """A resident identity number of 15 or 18 characters, cleaned to 18."""

    default_error_messages = {
        "identity_invalid": _("This is not a valid identity number. Please check each character.")
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{
                "label": _("Identity number"),
                "max_length": 30,
                "help_text": _("Resident identity card, 18 characters; the last may be X."),
                "widget": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
                **options,
            }
        )

    def clean(self, value: Any) -> str:
        """Write the number with 18 characters."""
        text = super().clean(value)
        if text in self.empty_values:
            return ""
        try:
            return spelling.normalised_resident_id(text)
        except ValueError as wrong:
            raise ValidationError(
                self.error_messages["identity_invalid"], code="identity_invalid"
            ) from wrong


class EndingField(forms.CharField):
    """The last characters of one's own document number."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
        label = _("Last 6 characters of your document number")
        super().__init__(
            **{"label": label, "max_length": ENDING_LENGTH, "widget": widget, **options}
        )
