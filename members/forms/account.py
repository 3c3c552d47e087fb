"""What do people type on the pages of their account?"""

from django import forms
from django.utils.translation import gettext_lazy as _

from members.forms.fields import MOST_PASSWORD_CHARACTERS


class PasswordAgainForm(forms.Form):
    """Ask for the present password."""

    password = forms.CharField(
        label=_("Password"),
        max_length=MOST_PASSWORD_CHARACTERS,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
