"""What do members and staff say about messages?"""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from members.choices import Channel, DeliveryState
from members.models import MessageTemplate
from members.rules.messages import MessageKind, wrong_in

CLOCK = "%H:%M"
LANGUAGES = ("en", "zh")
WORDS = ("title_en", "text_en", "title_zh", "text_zh")


class WayField(forms.MultipleChoiceField):
    """Pairs of a kind and a channel, written “kind:channel”."""

    widget = forms.CheckboxSelectMultiple
    default_error_messages = {
        "invalid_choice": _("This cannot be switched on or off."),
    }

    def clean(self, value: Any) -> Any:
        """Split the pairs."""
        return {tuple(pair.split(":", 1)) for pair in super().clean(value)}


class ClockField(forms.TimeField):
    """A time of the day, to the minute."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TimeInput(attrs={"type": "time"}, format=CLOCK)
        super().__init__(**{"widget": widget, "input_formats": [CLOCK], **options})


class WaysForm(forms.Form):
    """Ask by which channels each kind of message is wanted, and when to be left alone."""

    wanted = WayField(label=_("Ways"), required=False)
    quiet_from = ClockField(label=_("Quiet from"))
    quiet_until = ClockField(label=_("Quiet until"))

    def __init__(self, *args: Any, ways: Sequence[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        pairs = [f"{kind}:{channel}" for kind, channel in ways]
        self.fields["wanted"].choices = [(pair, pair) for pair in pairs]  # type: ignore[attr-defined]


class TitleField(forms.CharField):
    """A title, on one line: it becomes the subject of an e-mail."""

    default_error_messages = {"not_one_line": _("The title must be on one line.")}

    def clean(self, value: Any) -> str:
        """Refuse line breaks and other control characters."""
        title = str(super().clean(value))
        if re.search(r"[\x00-\x1f\x7f\u0085\u2028\u2029]", title):
            raise ValidationError(self.error_messages["not_one_line"], code="not_one_line")
        return title


class TextField(forms.CharField):
    """The text of a message, perhaps of several lines."""

    widget = forms.Textarea(attrs={"rows": 6})
    default_error_messages = {"control": _("The text holds characters that cannot be sent.")}

    def clean(self, value: Any) -> str:
        """Write line breaks in one way; refuse other control characters."""
        text = re.sub(r"\r\n?", "\n", str(super().clean(value)))
        if re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text):
            raise ValidationError(self.error_messages["control"], code="control")
        return text


class WordsForm(forms.Form):
    """Ask for the words of one kind of message in both languages."""

    title_en = TitleField(label=_("Title, English"), max_length=120)
    text_en = TextField(label=_("Text, English"), max_length=1000)
    title_zh = TitleField(label=_("Title, Chinese"), max_length=120)
    text_zh = TextField(label=_("Text, Chinese"), max_length=1000)

    def __init__(self, data: Any, *, kind: MessageKind, template: MessageTemplate) -> None:
        self.kind = kind
        super().__init__(data, initial={name: getattr(template, name) for name in WORDS})
        for name, field in self.fields.items():
            field.widget.attrs["lang"] = "zh-Hans" if name.endswith("zh") else "en"

    def clean(self) -> dict[str, Any]:
        """Compare the variables of each language with those that the kind has."""
        said = self.cleaned_data
        for language in LANGUAGES:
            title, text = said.get(f"title_{language}"), said.get(f"text_{language}")
            if title is not None and text is not None:
                for problem in _problems(self.kind, title, text):
                    self.add_error(f"text_{language}", problem)
        return said


class DeliveryFilter(forms.Form):
    """Ask which deliveries staff looks for."""

    kind = forms.ChoiceField(label=_("Kind"), required=False)
    channel = forms.ChoiceField(label=_("Channel"), required=False)
    state = forms.ChoiceField(label=_("State"), required=False)

    def __init__(self, *args: Any, kinds: Sequence[MessageKind], **options: Any) -> None:
        super().__init__(*args, **options)
        outward = [(way.value, way.label) for way in (Channel.SMS, Channel.EMAIL)]
        for name, choices in (
            ("kind", [(kind.key, kind.label) for kind in kinds]),
            ("channel", outward),
            ("state", DeliveryState.choices),
        ):
            self.fields[name].choices = [("", _("All")), *choices]  # type: ignore[attr-defined]


def _problems(kind: MessageKind, title: str, text: str) -> list[ValidationError]:
    wrong = wrong_in(kind, title, text)
    found = [
        ValidationError(_("{%(name)s} is missing."), "variable_missing", {"name": name})
        for name in wrong.missing
    ]
    found += [
        ValidationError(
            _("{%(name)s} is not a variable of this message."), "variable_unknown", {"name": name}
        )
        for name in wrong.unknown
    ]
    if wrong.is_stray:
        found.append(
            ValidationError(_("Braces may only enclose the name of a variable."), "stray_braces")
        )
    return found
