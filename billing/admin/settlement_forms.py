"""What does staff type when it counts cash and card or imports a statement?"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.rules.cash import DENOMINATIONS, MOST, sum_of
from medbook import clock, money

LARGEST_FILE = 5 * 1024 * 1024
PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class AmountField(forms.DecimalField):
    """An amount in plain digits: no exponents, no signs of other kinds."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=9, decimal_places=2, **options)

    def to_python(self, value: Any) -> Any:
        """Read plain digits only."""
        text = str(value or "").strip()
        if text and not PLAIN.fullmatch(text):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(text)


def name_of(worth: Decimal) -> str:
    """Name the field for notes or coins of one kind."""
    return f"pieces_{worth}".replace(".", "_")


class CashForm(forms.Form):
    """Ask what lies in the drawer: the sum, or so many of each piece, and what stays there."""

    SAID = ("counted", "kept", "note", "seen")  # what the service is told
    counted = AmountField(label=gettext_lazy("Counted in all"), min_value=0, required=False)
    kept = AmountField(label=gettext_lazy("Stays in the drawer"), min_value=0, initial="0")
    note = forms.CharField(
        label=gettext_lazy("Reason for a difference"), max_length=200, required=False
    )
    seen = AmountField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for worth in DENOMINATIONS:
            self.fields[name_of(worth)] = forms.IntegerField(
                label=money.shown(worth, settings.CURRENCY),
                min_value=0,
                max_value=99_999,
                required=False,
            )

    @property
    def pieces(self) -> list[forms.BoundField]:
        """The fields for notes and coins."""
        return [self[name_of(worth)] for worth in DENOMINATIONS]

    @property
    def rest(self) -> list[forms.BoundField]:
        """The other fields that are shown."""
        return [self[name] for name in ("counted", "kept", "note")]

    def clean(self) -> dict[str, Any]:
        """Add the pieces up; they say the same as the sum, where both are there."""
        found = super().clean() or self.cleaned_data
        if self.errors:
            return found
        pieces = {worth: found.get(name_of(worth)) for worth in DENOMINATIONS}
        counted = {worth: count for worth, count in pieces.items() if count is not None}
        total = sum_of(counted)
        if not counted and found.get("counted") is None:
            self.add_error(None, _("Please count the notes and coins, or type the sum."))
        elif found.get("counted") is None:
            found["counted"] = total
        elif counted and total != found["counted"]:
            made = money.shown(total, settings.CURRENCY)
            self.add_error("counted", _("The pieces make %(sum)s.") % {"sum": made})
        if found.get("counted") is not None and found["counted"] > MOST:
            self.add_error("counted", _("This is more than a drawer holds."))
        return found


class CardForm(forms.Form):
    """Ask for the total on the closing slip of the card terminal."""

    SAID = ("total", "note", "seen")  # what the service is told
    total = AmountField(label=gettext_lazy("Total of the closing slip"))
    note = forms.CharField(
        label=gettext_lazy("Reason for a difference"), max_length=200, required=False
    )
    seen = AmountField(widget=forms.HiddenInput)

    @property
    def rest(self) -> list[forms.BoundField]:
        """The fields that are shown."""
        return [self["total"], self["note"]]


class ImportForm(forms.Form):
    """Ask of which gateway and day a statement is; without a file the gateway is asked."""

    gateway = forms.ChoiceField(label=gettext_lazy("Way to pay"))
    day = forms.DateField(label=gettext_lazy("Day"), widget=forms.DateInput({"type": "date"}))
    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        required=False,
        help_text=gettext_lazy("Without a file, the gateway itself is asked."),
        widget=forms.ClearableFileInput({"accept": ".csv,text/csv"}),
    )

    def __init__(self, *args: Any, gateways: list[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["gateway"] = forms.ChoiceField(
            label=gettext_lazy("Way to pay"), choices=gateways
        )
        yesterday = clock.site_date(clock.now()) - timedelta(days=1)
        self.initial.setdefault("day", yesterday.isoformat())  # what a browser's date field reads

    def clean_file(self) -> Any:
        """Refuse what is larger than any statement."""
        file = self.cleaned_data["file"]
        if file and file.size > LARGEST_FILE:
            raise forms.ValidationError(_("This file is larger than 5 MB."))
        return file

    @property
    def content(self) -> bytes | None:
        """What the file holds, if there is one."""
        file = self.cleaned_data["file"]
        return file.read() if file else None
