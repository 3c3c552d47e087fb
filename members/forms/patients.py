"""What do people say of somebody to be seen: name, document, birth date, relation?"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from members.choices import IdentityKind, Relation, Sex
from members.forms.fields import NameField, PhoneField
from members.models import FamilyLink
from members.rules import family
from members.rules.identity import Document, NotSo, Part, read_document

NUMBER_LENGTH = 30
COMPLAINTS = {
    "identity_number": _("This document cannot have this number. Please check each character."),
    "birth_date": _("This birth date cannot be, or is not that of the document."),
    "sex": _("This is not what the document says."),
}
MISSING = _("This document does not tell it, so please fill it in.")
NOT_ALONE = _("For somebody under 18 a parent or guardian has to agree.")


def complaint_about(wrong: NotSo) -> tuple[Part, str, str]:
    """Say what is wrong with a document: the field, the code, and the sentence."""
    if wrong.is_missing:
        return wrong.part, "required", str(MISSING)
    return wrong.part, "identity_invalid", str(COMPLAINTS[wrong.part])


def needs_guardian(relation: str, document: Document, today: date) -> bool:
    """Tell whether a parent or guardian has to agree that a member books for somebody."""
    return relation != Relation.SELF and family.is_minor(document.birth_date, today)


class DocumentForm(forms.Form):
    """Ask for a name and a document. `cleaned_data["document"]` is read by the rules."""

    name = NameField(
        help_text=_("As on the document."), widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    identity_kind = forms.ChoiceField(label=_("Document"), choices=IdentityKind.choices)
    identity_number = forms.CharField(
        label=_("Document number"),
        max_length=NUMBER_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    birth_year = forms.IntegerField(
        label=pgettext_lazy("birth date", "Year"), required=False, min_value=1, max_value=9999
    )
    birth_month = forms.IntegerField(
        label=pgettext_lazy("birth date", "Month"), required=False, min_value=1, max_value=12
    )
    birth_day = forms.IntegerField(
        label=pgettext_lazy("birth date", "Day"), required=False, min_value=1, max_value=31
    )
    sex = forms.ChoiceField(
        label=_("Sex"), required=False, choices=[("", _("As on the document")), *Sex.choices]
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        for name in ("birth_year", "birth_month", "birth_day"):
            self.fields[name].widget = forms.TextInput(
                attrs={"inputmode": "numeric", "autocomplete": "off", "size": "4"}
            )

    @property
    def birth_fields(self) -> list[forms.BoundField]:
        """The three parts of the birth date, in the order of the reader's language."""
        order = ["birth_day", "birth_month", "birth_year"]
        is_chinese = (get_language() or "").startswith("zh")
        return [self[name] for name in (reversed(order) if is_chinese else order)]

    @property
    def birth_errors(self) -> list[str]:
        """What is wrong with any of the three."""
        return [str(error) for field in self.birth_fields for error in field.errors]

    def clean(self) -> dict[str, Any]:
        """Read the document; name the field that cannot be."""
        said: dict[str, Any] = super().clean() or {}
        needed = ("identity_kind", "identity_number", "birth_year", "birth_month", "birth_day")
        if any(name in self.errors for name in needed):
            return said
        try:
            said["document"] = read_document(
                kind=said["identity_kind"],
                number=said["identity_number"],
                birth_date=self._birth_date(said),
                sex=said.get("sex", ""),
                today=self.today,
            )
        except NotSo as wrong:
            part, code, sentence = complaint_about(wrong)
            field = "birth_year" if part == "birth_date" else part
            self.add_error(field, ValidationError(sentence, code=code))
        return said

    def _birth_date(self, said: dict[str, Any]) -> date | None:
        parts = [said.get(f"birth_{part}") for part in ("year", "month", "day")]
        if parts == [None, None, None]:
            return None
        try:
            return date(*[part or 0 for part in parts])
        except ValueError as wrong:
            raise NotSo("birth_date") from wrong


class PatientForm(DocumentForm):
    """Ask for somebody whom a member will book for."""

    relation = forms.ChoiceField(label=_("Who is it?"), widget=forms.RadioSelect)
    contact_phone = PhoneField(
        label=_("Contact phone"),
        required=False,
        help_text=_("Whom the clinic calls about this patient; else your own number."),
        widget=forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "off"}),
    )
    is_guardian = forms.BooleanField(
        label=_("The patient is under 18. I am a parent or guardian and agree to the booking."),
        required=False,
    )

    field_order = ("relation", "name", "identity_kind", "identity_number")

    def __init__(self, *args: Any, relations: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.takes_oneself = Relation.SELF.value in relations
        choices = [choice for choice in Relation.choices if choice[0] in relations]
        self.fields["relation"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Ask for a guardian where the patient is a minor."""
        said = super().clean()
        document, relation = said.get("document"), said.get("relation")
        is_asked = document and relation and needs_guardian(relation, document, self.today)
        if is_asked and not said.get("is_guardian"):
            self.add_error("is_guardian", ValidationError(NOT_ALONE, code="required"))
        return said


class EntryForm(forms.Form):
    """Ask how somebody in the list is called, who that is, and whom to call."""

    label = NameField(label=_("Name in your list"))
    relation = forms.ChoiceField(label=_("Who is it?"), choices=Relation.choices)
    contact_phone = PhoneField(
        label=_("Contact phone"),
        required=False,
        help_text=_("Whom the clinic calls about this patient; else your own number."),
        widget=forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, link: FamilyLink, **kwargs: Any) -> None:
        phone = link.contact_phone.reveal() if link.contact_phone else ""
        known = {"label": link.called, "relation": link.relation, "contact_phone": phone}
        super().__init__(*args, **{"initial": known, **kwargs})
        if link.relation == Relation.SELF:
            del self.fields["relation"]
        else:
            self.fields["relation"].choices = [  # type: ignore[attr-defined]
                choice for choice in Relation.choices if choice[0] != Relation.SELF
            ]


class ConsentForm(forms.Form):
    """Ask whether somebody else may book, and see the health record."""

    answer = forms.ChoiceField(choices=[("give", ""), ("withdraw", "")])
    may_see_records = forms.BooleanField(required=False)


class AppealForm(forms.Form):
    """Ask what the clinic should know."""

    note = forms.CharField(
        label=_("What happened?"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
