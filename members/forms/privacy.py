"""What does somebody type to have their account erased?"""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class ErasureForm(forms.Form):
    """Ask for the member number, so that nobody is erased by a slip of the finger."""

    number = forms.CharField(
        label=_("Your member number"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )

    def __init__(self, *args: Any, expected: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.expected = expected
        self.fields["number"].help_text = _("Type %(number)s to confirm.") % {"number": expected}

    def clean_number(self) -> str:
        """Compare with the member's own. Raises: ValidationError."""
        typed: str = self.cleaned_data["number"].strip().upper()
        if typed != self.expected.upper():
            raise forms.ValidationError(_("This is not your member number."), code="mismatch")
        return typed
