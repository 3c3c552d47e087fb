"""What do people type to change their phone number?"""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from members.forms.fields import MOST_PASSWORD_CHARACTERS, CodeField, PhoneField

BY_CODE, BY_PASSWORD = "code", "password"


class NewPhoneForm(forms.Form):
    """Ask for the new number, and how the old one is shown to be one's own."""

    phone = PhoneField(
        label=_("New phone number"),
        help_text=_("A number without a country code is read as Chinese (+86)."),
    )
    proof = forms.ChoiceField(
        label=_("How do you show that it is you?"),
        choices=[
            (BY_CODE, _("By a code to my old phone")),
            (BY_PASSWORD, _("By my password: I no longer have the old phone")),
        ],
        widget=forms.RadioSelect,
        initial=BY_CODE,
    )

    def __init__(self, *args: Any, present: str, has_password: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        self._present = present
        if not has_password:
            del self.fields["proof"]

    def clean_phone(self) -> str:
        """Refuse the number that the account has already."""
        phone = str(self.cleaned_data["phone"])
        if phone == self._present:
            raise ValidationError(_("This is your number already."), code="unchanged")
        return phone


class BothCodesForm(forms.Form):
    """Ask for the codes that both phones got, or for one of them and the password."""

    new_code = CodeField(label=_("Code that the new phone got"))
    old_code = CodeField(label=_("Code that the old phone got"))
    password = forms.CharField(
        label=_("Password"),
        max_length=MOST_PASSWORD_CHARACTERS,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, proof: str, **options: Any) -> None:
        super().__init__(*args, **options)
        del self.fields["password" if proof == BY_CODE else "old_code"]


class PhoneCodeForm(forms.Form):
    """Ask for the code that one's own phone got."""

    sms_code = CodeField(label=_("Code by SMS"))
