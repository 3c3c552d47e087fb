"""How are counts added up, and how are small ones told without pointing at a person?"""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from math import ceil

from django.utils.translation import gettext as _

SMALLEST_TOLD = 5  # below, a count could point at one patient


@dataclass(frozen=True)
class Tally:
    """Places offered, and what became of the bookings."""

    offered: int = 0
    booked: int = 0
    attended: int = 0
    cancelled: int = 0
    called_off: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def share_booked(self) -> str:
        """The share of the places offered that were booked, vague where the count is small."""
        is_small = 0 < self.booked < SMALLEST_TOLD
        if not self.offered or (is_small and self.offered < SMALLEST_TOLD):
            return "–"
        if is_small:
            return f"<{ceil(100 * SMALLEST_TOLD / self.offered)}%"
        return f"{round(100 * self.booked / self.offered)}%"

    @property
    def told(self) -> tuple[str, ...]:
        """The counts as they may be shown: places openly, people from five on."""
        return (str(self.offered), *(told(count) for count in astuple(self)[1:]))


def told(count: int) -> str:
    """Say a count of people; from one to four as "<5"."""
    return f"<{SMALLEST_TOLD}" if 0 < count < SMALLEST_TOLD else str(count)


def total(tallies: Iterable[Tally]) -> Tally:
    """Add tallies up."""
    return sum(tallies, Tally())


def finding(by_department: Mapping[str, Tally]) -> str:
    """Say in a sentence what the numbers show; "" where nothing was offered."""
    offering = {name: tally for name, tally in by_department.items() if tally.offered}
    if not offering:
        return ""
    everything = total(offering.values())
    if not everything.booked:
        return _("None of %(offered)s places was booked.") % {"offered": everything.offered}
    fullest = max(offering, key=lambda name: offering[name].booked / offering[name].offered)
    return _(
        "%(department)s is the fullest: %(share)s of its places were booked,"
        " against %(average)s overall."
    ) % {
        "department": fullest,
        "share": offering[fullest].share_booked,
        "average": everything.share_booked,
    }
