"""Which weekly patterns does a date follow? Pure policy."""

from dataclasses import dataclass
from datetime import date

from medbook.bilingual import Bilingual
from scheduling.choices import DayKind


@dataclass(frozen=True)
class Day:
    """What a clinic's calendar says of a date; no kind is an ordinary day."""

    date: date
    kind: DayKind | None = None
    as_weekday: int | None = None
    name_en: str = ""
    name_zh: str = ""

    name = Bilingual("name")

    @property
    def is_special(self) -> bool:
        """Tell whether there is anything to say about it."""
        return self.kind is not None


def patterns_of(day: Day, *, sits_on_holidays: bool = False) -> int | None:
    """Tell whose weekday's patterns a date follows, as Python counts days; None: nobody sits.

    A public holiday has no sessions, unless the department sits on holidays: then it is a day
    like any other. A make-up day (调休) follows the weekday that it makes up for.
    Source: docs/flows/rosters.md.
    """
    if day.kind == DayKind.HOLIDAY:
        return day.date.weekday() if sits_on_holidays else None
    if day.kind == DayKind.WORKDAY and day.as_weekday is not None and not sits_on_holidays:
        return day.as_weekday
    return day.date.weekday()
