"""Which days has a calendar week, and how is it written? Pure policy."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

FIRST_YEAR, LAST_YEAR = 2000, 2100


@dataclass(frozen=True)
class Week:
    """A week from Monday to Sunday, as ISO 8601 counts them."""

    monday: date

    @classmethod
    def of(cls, day: date) -> Self:
        """Find the week of a date."""
        return cls(day - timedelta(days=day.weekday()))

    @classmethod
    def named(cls, name: str) -> Self | None:
        """Read a week as in 2026-W48; None for what is none, or lies centuries away."""
        found = re.fullmatch(r"(\d{4})-W(\d{2})", name, re.ASCII)
        if not found or not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
            return None
        try:
            return cls(date.fromisocalendar(int(found[1]), int(found[2]), 1))
        except ValueError:
            return None

    @property
    def days(self) -> list[date]:
        """The seven dates."""
        return [self.monday + timedelta(days=number) for number in range(7)]

    @property
    def sunday(self) -> date:
        """The last day."""
        return self.monday + timedelta(days=6)

    @property
    def number(self) -> int:
        """The number of the week in its year."""
        return self.monday.isocalendar().week

    def moved(self, weeks: int) -> "Week":
        """Find the week that comes so many weeks later, or sooner."""
        return Week(self.monday + timedelta(weeks=weeks))

    def __str__(self) -> str:
        year, number, _day = self.monday.isocalendar()
        return f"{year:04d}-W{number:02d}"
