"""How is each kind of cell read and written?"""

import re
from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.db.models import Choices
from django.utils import translation
from django.utils.translation import gettext as _
from import_export.widgets import Widget

TRUE = frozenset(["yes", "y", "true", "1", "是"])
FALSE = frozenset(["no", "n", "false", "0", "否"])
CHINESE_DAYS = "一二三四五六日"


class Cell(Widget):  # type: ignore[misc]
    """A text cell; subclasses read something from it. Raises: ValueError with a sentence."""

    def __init__(self, *, may_be_empty: bool = False) -> None:
        super().__init__()
        self.may_be_empty = may_be_empty

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> Any:
        """Read a cell."""
        if value:
            return self.read(value, row or {})
        if self.may_be_empty:
            return self.nothing()
        raise ValueError(_("This cell is empty."))

    def nothing(self) -> Any:
        """Tell what an empty cell means."""
        return ""

    def read(self, text: str, row: Mapping[str, str]) -> Any:
        """Read a cell that is not empty."""
        return text

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        """Write a value as it is read."""
        return "" if value is None else str(value)


class Day(Cell):
    """A date, year first."""

    def nothing(self) -> None:
        """An empty cell is no date."""

    def read(self, text: str, row: Mapping[str, str]) -> date:
        """Read 2026-11-26, also 2026/11/26."""
        try:
            parts = re.fullmatch(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})", text, re.ASCII)
            if parts is None:
                raise ValueError
            return date(*map(int, parts.groups()))
        except ValueError as wrong:
            raise ValueError(
                _("“%(text)s” is not a date; write 2026-11-26.") % {"text": text[:40]}
            ) from wrong


class TimeOfDay(Cell):
    """A time of day of 24 hours."""

    def read(self, text: str, row: Mapping[str, str]) -> time:
        """Read 08:00, also 8:00 and 08:00:00."""
        parts = re.fullmatch(r"(\d{1,2})[:：](\d{2})(?::00)?", text, re.ASCII)
        try:
            if parts is None:
                raise ValueError
            return time(int(parts[1]), int(parts[2]))
        except ValueError as wrong:
            raise ValueError(
                _("“%(text)s” is not a time; write 08:00.") % {"text": text[:40]}
            ) from wrong

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        """Write hours and minutes."""
        return f"{value:%H:%M}"


class WholeNumber(Cell):
    """A number without a fraction."""

    def nothing(self) -> int:
        """An empty cell is none of it."""
        return 0

    def read(self, text: str, row: Mapping[str, str]) -> int:
        """Read digits."""
        if not re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
            raise ValueError(_("“%(text)s” is not a whole number.") % {"text": text[:40]})
        return int(text)


class Amount(Cell):
    """An amount of money with at most two decimals."""

    def nothing(self) -> None:
        """An empty cell is no amount, which is not an amount of nothing."""

    def read(self, text: str, row: Mapping[str, str]) -> Decimal:
        """Read 180 or 180.00."""
        try:
            amount = Decimal(text) if re.fullmatch(r"-?[\d.]{1,13}", text, re.ASCII) else None
        except InvalidOperation:
            amount = None
        if amount is None:
            raise ValueError(_("“%(text)s” is not an amount; write 180.00.") % {"text": text[:40]})
        return amount.quantize(Decimal("0.01")) if amount == round(amount, 2) else amount


class YesNo(Cell):
    """Yes or no, in English or Chinese; `empty` is what an empty cell says."""

    def __init__(self, *, empty: bool) -> None:
        super().__init__(may_be_empty=True)
        self.empty = empty

    def nothing(self) -> bool:
        """Tell what an empty cell says."""
        return self.empty

    def read(self, text: str, row: Mapping[str, str]) -> bool:
        """Read yes, no, 是, 否."""
        said = text.casefold()
        if said not in TRUE | FALSE:
            raise ValueError(_("“%(text)s” is neither yes nor no.") % {"text": text[:40]})
        return said in TRUE

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        """Write yes or no."""
        return "yes" if value else "no"


class OneOf(Cell):
    """One of a few words, by its code or its name in any of the site's languages."""

    def __init__(self, choices: type[Choices], also: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.choices = choices
        self.words: dict[str, Any] = dict(also or {})
        for language, _name in settings.LANGUAGES:
            with translation.override(language):
                self.words |= {str(choice.label).casefold(): choice for choice in choices}

    def read(self, text: str, row: Mapping[str, str]) -> Any:
        """Read a word."""
        found = self.words.get(text.casefold())
        if found is None:
            raise ValueError(
                _("“%(text)s” is none of: %(words)s.")
                % {"text": text[:40], "words": ", ".join(str(one.label) for one in self.choices)}
            )
        return found.value

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        """Write the English name, whoever asks."""
        with translation.override("en"):
            return str(self.choices(value).label)


class Reference(Cell):
    """Another row, by its code; the rows are looked up once for the whole file."""

    def __init__(self, look_up: Callable[[str, Mapping[str, str]], Any], code: str) -> None:
        super().__init__()
        self.look_up = look_up
        self.code = code

    def read(self, text: str, row: Mapping[str, str]) -> Any:
        """Find the row."""
        return self.look_up(text, row)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        """Write the code."""
        return str(getattr(value, self.code))


def weekday_words(weekdays: type[Choices]) -> dict[str, Any]:
    """List further words for the days: Mon, 周一, 星期一, 礼拜一, and 1 (Monday) to 7 (Sunday)."""
    words: dict[str, Any] = {}
    for number, (day, chinese) in enumerate(zip(weekdays, CHINESE_DAYS, strict=True), 1):
        short = str(day.name)[:3].casefold()
        names = (str(number), short, f"周{chinese}", f"星期{chinese}", f"礼拜{chinese}")
        words |= dict.fromkeys(names, day)
    words |= dict.fromkeys(("周天", "星期天", "礼拜天"), words["7"])
    return words
