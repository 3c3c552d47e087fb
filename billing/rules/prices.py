"""What does a visit cost a member?"""

from dataclasses import dataclass, replace
from decimal import Decimal

from medbook import money
from members.rules.points import most_to_spend, worth

NOTHING = Decimal(0)


@dataclass(frozen=True)
class Quote:
    """A price and how it comes about, to the cent.

    The fee less the tier's discount, the points' worth and the insurer's share is the total. Of a
    free return visit all of the fee is discount.
    """

    full: Decimal
    discount: Decimal
    total: Decimal
    currency: str
    tier_name: str = ""
    points: int = 0
    insured: Decimal = NOTHING
    insurer_name: str = ""
    is_free_return: bool = False

    @property
    def discounted(self) -> Decimal:
        """The fee after the tier's discount."""
        return self.full - self.discount

    @property
    def points_worth(self) -> Decimal:
        """What the points take off."""
        return worth(self.points)

    @property
    def insurable(self) -> Decimal:
        """What is left for an insurer and the member to share."""
        return self.discounted - self.points_worth

    def undiscounted(self) -> "Quote":
        """Return the price without the tier's discount; a free return visit stays free."""
        if self.is_free_return:
            return self
        return Quote(self.full, NOTHING, self.full, self.currency, self.tier_name)

    def with_points(self, points: int) -> "Quote":
        """Return the price when so many points are used. Raises: ValueError for too many.

        Points go off before the insurer's share, which is quoted anew after it.
        """
        if not 0 <= points <= most_to_spend(self.discounted, points):
            raise ValueError("Points pay a part of the fee, and are not negative.")
        total = self.discounted - worth(points)
        return replace(self, points=points, insured=NOTHING, insurer_name="", total=total)

    def with_insurance(self, share: Decimal, name: str) -> "Quote":
        """Return the price when an insurer bears a share.

        Raises: ValueError for more than is left.
        """
        if not 0 <= share <= self.insurable or share != money.rounded(share):
            raise ValueError("An insurer bears no more than what is left, in whole cents.")
        return replace(self, insured=share, insurer_name=name, total=self.insurable - share)


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


def free_return(*, fee: Decimal, currency: str) -> Quote:
    """Price a return visit that is not charged again: the whole fee is taken off."""
    full = money.rounded(fee)
    return Quote(full, full, NOTHING, currency, is_free_return=True)


def share_of(amount: Decimal, percent: int) -> Decimal:
    """Take so many per cent of an amount, rounded half up once."""
    return money.rounded(amount * percent / 100)
