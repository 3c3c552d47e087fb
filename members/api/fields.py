"""How are phones, names and document numbers read from a body?"""

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers

from members.forms.fields import (
    MOST_PASSWORD_CHARACTERS,
    CodeField,
    EndingField,
    IdentityNumberField,
    NameField,
    NewPasswordField,
    PhoneField,
)


class FormText(serializers.CharField):
    """A text that is read as the field of a form reads it, so that both doors agree."""

    form_field: Any

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": self.form_field.max_length, **options})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Let the form's field judge. Raises: ValidationError."""
        text = super().run_validation(data)
        try:
            return self.form_field.clean(text) if text else text
        except ValidationError as wrong:
            code = getattr(wrong, "code", None) or "invalid"  # several at once have none
            raise serializers.ValidationError(wrong.messages, code=code) from wrong


class PhoneText(FormText):
    """A phone number in any spelling."""

    form_field = PhoneField()


class NameText(FormText):
    """A person's name."""

    form_field = NameField()


class IdentityNumberText(FormText):
    """A resident identity number of 15 or 18 characters."""

    form_field = IdentityNumberField()


class CodeText(FormText):
    """A code as it came by SMS."""

    form_field = CodeField()


class EndingText(FormText):
    """The last characters of one's own document number."""

    form_field = EndingField(required=False)


class PasswordText(serializers.CharField):
    """A password as it was typed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{"max_length": MOST_PASSWORD_CHARACTERS, "trim_whitespace": False, **options}
        )


class NewPasswordText(FormText):
    """A password to be set."""

    form_field = NewPasswordField()

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **options})
