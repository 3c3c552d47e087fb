"""What do people type to join and to sign in?"""

from typing import Any

from allauth.account.forms import LoginForm
from django import forms
from django.utils.translation import gettext_lazy as _

from members.choices import ConsentPurpose
from members.errors import DocumentEndingRequired
from members.forms.fields import (
    MOST_PASSWORD_CHARACTERS,
    CodeField,
    EndingField,
    NewPasswordField,
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


class PhoneForm(forms.Form):
    """Ask where to send a code."""

    phone = PhoneField(help_text=_("A number without a country code is read as Chinese (+86)."))

    @property
    def consents(self) -> list[str]:
        """Tell what was agreed to: nothing was asked."""
        return []


class SignUpForm(PhoneForm):
    """Ask for a phone number and what has to be agreed to, each by itself."""

    terms = forms.BooleanField(label=_("I accept the terms of use."))
    sensitive_data = forms.BooleanField(
        label=_(
            "I agree that the clinic keeps my identity and health data, encrypted, "
            "to make and keep my appointments."
        ),
        help_text=_("Without it you can join, but not book online."),
        required=False,
    )
    news = forms.BooleanField(label=_("Send me news of the clinic."), required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["terms"].error_messages["required"] = _("Without this nobody can join.")

    @property
    def consents(self) -> list[str]:
        """Tell what was agreed to."""
        return [purpose for purpose in ConsentPurpose.values if self.cleaned_data[purpose]]


class CodeForm(forms.Form):
    """Ask for the code; for the document too where the code alone proves too little."""

    code = CodeField()
    document_ending = EndingField(required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ending_widget = self.fields["document_ending"].widget
        if not self.data.get(self.add_prefix("document_ending")):
            self.fields["document_ending"].widget = forms.HiddenInput()

    def ask_for_document(self, refusal: DocumentEndingRequired) -> None:
        """Show the question for the document, with the reason."""
        field = self.fields["document_ending"]
        field.widget, field.required = self._ending_widget, True
        self.add_error("document_ending", said(refusal.detail, refusal.code))


class ResetForm(CodeForm):
    """Ask for the code and a new password."""

    password = NewPasswordField()


def said(detail: str, code: str) -> forms.ValidationError:
    """Word a refusal as the error of a field."""
    return forms.ValidationError(detail, code=code)
