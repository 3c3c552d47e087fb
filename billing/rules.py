"""What does a visit cost a member?"""

from dataclasses import dataclass, replace
from decimal import Decimal

from medbook import money
from members.rules.points import most_to_spend, worth


@dataclass(frozen=True)
class Quote:
    """A price and how it comes about: full less discount and points is the total, to the cent."""

    full: Decimal
    discount: Decimal
    total: Decimal
    currency: str
    tier_name: str = ""
    points: int = 0

    @property
    def discounted(self) -> Decimal:
        """The fee after the tier's discount."""
        return self.full - self.discount

    @property
    def points_worth(self) -> Decimal:
        """What the points take off."""
        return worth(self.points)

    def with_points(self, points: int) -> "Quote":
        """Return the price when so many points are used. Raises: ValueError for too many."""
        if not 0 <= points <= most_to_spend(self.discounted, points):
            raise ValueError("Points pay a part of the fee, and are not negative.")
        return replace(self, points=points, total=self.discounted - worth(points))


def quote(*, fee: Decimal, currency: str, discount_rate: Decimal, tier_name: str = "") -> Quote:
    """Price a fee for a tier that pays this share of it.

    The share is rounded once, half up; the discount is what is left, so that the parts sum up.
    Raises: ValueError for a negative fee or a share outside 0 < rate ≤ 1.
    """
    if fee < 0 or not 0 < discount_rate <= 1:
        raise ValueError("A fee is not negative, a share lies in (0, 1].")
    full = money.rounded(fee)
    total = money.rounded(full * discount_rate)
    return Quote(full, full - total, total, currency, tier_name)


def share_of(amount: Decimal, percent: int) -> Decimal:
    """Take so many per cent of an amount, rounded half up once."""
    return money.rounded(amount * percent / 100)
