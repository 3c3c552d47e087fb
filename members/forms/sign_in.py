"""What do people type to join and to sign in?"""

from allauth.account.forms import LoginForm
from django import forms
from django.contrib.auth.password_validation import (
    password_validators_help_text_html,
    validate_password,
)
from django.utils.translation import gettext_lazy as _

from members.forms.fields import (
    MOST_PASSWORD_CHARACTERS,
    IdentityNumberField,
    NameField,
    PhoneField,
)


class SignInForm(LoginForm):  # type: ignore[misc]
    """Ask for phone number and password."""

    password = forms.CharField(
        label=_("Password"),
        max_length=MOST_PASSWORD_CHARACTERS,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class SignUpForm(forms.Form):
    """Ask for an account, and for the person behind it."""

    name = NameField(widget=forms.TextInput(attrs={"autocomplete": "name"}))
    identity_number = IdentityNumberField()
    phone = PhoneField(
        help_text=_(
            "You sign in with it. A number without a country code is read as Chinese (+86)."
        )
    )
    password = forms.CharField(
        label=_("Password"),
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
