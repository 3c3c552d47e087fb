"""What do people type on the pages of their account?"""

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import (
    password_validators_help_text_html,
    validate_password,
)
from django.utils.translation import gettext_lazy as _

from members.choices import TextSize, Theme
from members.forms.fields import MOST_PASSWORD_CHARACTERS, NameField


class PasswordAgainForm(forms.Form):
    """Ask for the present password."""

    password = forms.CharField(
        label=_("Password"),
        max_length=MOST_PASSWORD_CHARACTERS,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class NewPasswordForm(forms.Form):
    """Ask for a new password."""

    password = forms.CharField(
        label=_("New password"),
        max_length=MOST_PASSWORD_CHARACTERS,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validators_help_text_html,
    )

    def clean_password(self) -> str:
        """Judge the password by the validators in the settings."""
        password = str(self.cleaned_data["password"])
        validate_password(password)
        return password


class OwnNameForm(forms.Form):
    """Ask for the member's own name."""

    name = NameField(
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text=_("As on your document."),
    )


class EmailForm(forms.Form):
    """Ask for an e-mail address; an empty one takes it away."""

    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text=_("For confirmations and receipts. Leave it empty to take it away."),
    )


class LookForm(forms.Form):
    """Ask for language, theme and text size."""

    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    theme = forms.ChoiceField(label=_("Theme"), choices=Theme.choices, required=False)
    text_size = forms.ChoiceField(label=_("Text size"), choices=TextSize.choices, required=False)
