"""Which of their points does a member look at?"""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from members.choices import PointReason


class PointsFilter(forms.Form):
    """A year and a kind; each may be left open."""

    year = forms.TypedChoiceField(label=_("Year"), required=False, coerce=int, empty_value=None)
    kind = forms.ChoiceField(
        label=pgettext_lazy("points", "Kind"),
        required=False,
        choices=[("", pgettext_lazy("kind", "Any")), *PointReason.choices],
    )

    def __init__(self, *args: Any, years: Sequence[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["year"].choices = [  # type: ignore[attr-defined]
            ("", pgettext_lazy("year", "Any")),
            *((str(year), str(year)) for year in years),
        ]
