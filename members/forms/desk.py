"""What does the desk type of somebody in front of it?"""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from medbook import clock
from members.choices import IdentityKind, Sex
from members.forms.fields import NameField
from members.forms.patients import COMPLAINTS, NUMBER_LENGTH
from members.rules.identity import is_possible_birth_date, normalised_number


class ShownDocumentForm(forms.Form):
    """Ask what a document shows."""

    identity_kind = forms.ChoiceField(
        label=_("Document"),
        choices=IdentityKind.choices,
        initial=IdentityKind.RESIDENT_ID,
        required=False,
    )
    identity_number = forms.CharField(
        label=_("Document number, as the document shows it"),
        max_length=NUMBER_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_identity_kind(self) -> str:
        """Read a missing kind as the commonest."""
        return str(self.cleaned_data["identity_kind"] or IdentityKind.RESIDENT_ID.value)

    def clean(self) -> dict[str, Any]:
        """Write the number as the rules do."""
        said: dict[str, Any] = super().clean() or {}
        if "identity_number" in said and "identity_kind" in said:
            try:
                said["identity_number"] = normalised_number(
                    said["identity_kind"], said["identity_number"]
                )
            except ValueError:
                wrong = ValidationError(COMPLAINTS["identity_number"], code="identity_invalid")
                self.add_error("identity_number", wrong)
        return said


class BirthDateField(forms.DateField):
    """A birth date that may be left out."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "autocomplete": "off"})
        super().__init__(
            **{"label": _("Birth date"), "required": False, "widget": widget, **options}
        )

    def clean(self, value: Any) -> date | None:
        """Refuse the future, and what nobody remembers."""
        born: date | None = super().clean(value)
        if born is not None and not is_possible_birth_date(born, clock.site_date(clock.now())):
            raise ValidationError(COMPLAINTS["birth_date"], code="invalid")
        return born


class BirthDocumentForm(ShownDocumentForm):
    """Ask for the birth date as well, which only some documents tell by their number."""

    birth_date = BirthDateField(help_text=_("Not needed with a resident identity card."))


class ConsentDocumentForm(ShownDocumentForm):
    """Ask what the patient allows."""

    may_see_records = forms.BooleanField(
        label=_("The member may also see the health record"), required=False
    )


class RegisterForm(forms.Form):
    """Ask for somebody without a document."""

    name = NameField(widget=forms.TextInput(attrs={"autocomplete": "off"}))
    birth_date = BirthDateField()
    sex = forms.ChoiceField(label=_("Sex"), choices=Sex.choices, initial=Sex.UNKNOWN)
