"""What are points worth, which are used first, and when do they expire?

Source: the membership terms. 100 points are worth 1.00; at most a fifth of the fee after discount
is paid with them; a paid visit earns its amount times the tier's rate; they last 24 months.
"""

from bisect import insort
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_FLOOR, Decimal
from zoneinfo import ZoneInfo

from medbook import money
from members.choices import PointReason

POINTS_TO_ONE = 100
MOST_OF_A_FEE = Decimal("0.20")
LAST_MONTHS = 24
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """What the rules need of one line of the ledger."""

    uid: str
    amount: int
    reason: str
    reference: str
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Part:
    """Points that expire together."""

    points: int
    expires_at: datetime | None


@dataclass
class Lot:
    """What is left of one entry that added points."""

    uid: str
    left: int
    expires_at: datetime | None

    @property
    def ends(self) -> datetime:
        """The end of this lot, far ahead where it has none."""
        return self.expires_at or NEVER


class Ledger:
    """A member's points as their entries leave them, replayed in order.

    Whatever takes points takes those that expire first. What a take-back takes beyond all lots is
    a debt, which the next points settle; while there is one, nothing can be spent.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.lots: list[Lot] = []  # with something left, the first to expire in front
        self.debt = 0
        self.taken: dict[tuple[str, str], list[Part]] = {}
        for entry in entries:
            self.add(entry)

    @property
    def balance(self) -> int:
        """All points, below zero where more was taken back than there was."""
        return sum(lot.left for lot in self.lots) - self.debt

    def spendable(self, now: datetime) -> int:
        """Tell how many points can be spent: never any that have expired."""
        return sum(lot.left for lot in self.lots if lot.ends > now)

    def expired(self, now: datetime) -> list[Lot]:
        """List the lots that have expired with something left."""
        return [lot for lot in self.lots if lot.ends <= now]

    def expiring(self, now: datetime) -> list[Part]:
        """Tell how many points expire when, the next first."""
        amounts: dict[datetime, int] = {}
        for lot in self.lots:
            if lot.expires_at is not None and lot.expires_at > now:
                amounts[lot.expires_at] = amounts.get(lot.expires_at, 0) + lot.left
        return [Part(points, expires_at) for expires_at, points in amounts.items()]

    def taken_by(self, reason: str, reference: str) -> list[Part]:
        """Tell from which points an entry took; nothing where there is no such entry."""
        return self.taken.get((reason, reference), [])

    def add(self, entry: Entry) -> None:
        """Take one more entry into account."""
        if entry.amount > 0:
            settled = min(self.debt, entry.amount)
            self.debt -= settled
            if settled < entry.amount:
                lot = Lot(entry.uid, entry.amount - settled, entry.expires_at)
                insort(self.lots, lot, key=lambda lot: lot.ends)
        else:
            self.taken[(entry.reason, entry.reference)] = self._take(entry)

    def _take(self, entry: Entry) -> list[Part]:
        """Take from the lot that has expired, else from those that expire first."""
        wanted, parts = -entry.amount, []
        for lot in self.lots:
            is_meant = entry.reason != PointReason.EXPIRED or lot.uid == entry.reference
            points = min(lot.left, wanted) if is_meant else 0
            if points:
                parts.append(Part(points, lot.expires_at))
                lot.left -= points
                wanted -= points
        self.lots = [lot for lot in self.lots if lot.left]
        self.debt += wanted
        return parts


def expires_at(came_at: datetime, zone: str) -> datetime:
    """Tell when points end that came in at an instant.

    They hold through the same day of the month 24 months later, by the site's calendar, so they
    end at the midnight after it; where that month is shorter, through its last day.
    """
    came_on = came_at.astimezone(ZoneInfo(zone)).date()
    years, month = divmod(came_on.month - 1 + LAST_MONTHS, 12)
    year, month = came_on.year + years, month + 1
    last_day = date(year, month, min(came_on.day, monthrange(year, month)[1]))
    return datetime.combine(last_day + timedelta(days=1), time.min, ZoneInfo(zone)).astimezone(UTC)


def worth(points: int) -> Decimal:
    """Tell what points are worth in money."""
    return money.rounded(Decimal(points) / POINTS_TO_ONE)


def most_to_spend(price: Decimal, spendable: int) -> int:
    """Tell how many points a visit takes: what there is, at most a fifth of the price."""
    allowed = (price * MOST_OF_A_FEE * POINTS_TO_ONE).to_integral_value(ROUND_FLOOR)
    return max(0, min(int(allowed), spendable))


def to_earn(paid: Decimal, rate: Decimal) -> int:
    """Tell how many points a paid amount earns; a fraction of a point is dropped."""
    return int((paid * rate).to_integral_value(ROUND_FLOOR))


def to_take_back(*, earned: int, paid: Decimal, refunded_before: Decimal, refunded: Decimal) -> int:
    """Tell how many earned points a refund takes back: as much of them as of the payment.

    Each refund of several takes what is missing to the share refunded by then, so that together
    they take exactly what was earned. Raises: ValueError for refunds beyond the payment.
    """
    if not 0 <= refunded_before <= refunded_before + refunded <= paid or not paid:
        raise ValueError("Refunds lie within what was paid.")

    def kept(in_all: Decimal) -> int:
        return int((earned * (paid - in_all) / paid).to_integral_value(ROUND_FLOOR))

    return kept(refunded_before) - kept(refunded_before + refunded)
