"""What can the desk count, and where does it go then?"""

from collections.abc import Mapping
from decimal import Decimal

from billing.choices import Account

DENOMINATIONS = tuple(map(Decimal, ("100", "50", "20", "10", "5", "1", "0.5", "0.1")))
MOST = Decimal("9999999.99")


def is_card_total(amount: Decimal) -> bool:
    """Tell whether a terminal can print it: whole cents, not absurd; negative if more went back."""
    if not amount.is_finite() or abs(amount) > MOST:
        return False
    return amount == amount.quantize(Decimal("0.01"))


def is_cash(amount: Decimal) -> bool:
    """Tell whether an amount can lie in a drawer: whole cents, not negative, not absurd."""
    return is_card_total(amount) and amount >= 0


def sum_of(pieces: Mapping[Decimal, int]) -> Decimal:
    """Add up so many notes and coins of each kind."""
    return sum((worth * count for worth, count in pieces.items()), Decimal(0))


def postings(
    account: Account, *, counted: Decimal, kept: Decimal, expected: Decimal
) -> dict[Account, Decimal]:
    """Tell what moves: the account ends with what is kept, the bank gets the rest."""
    return {
        Account.BANK: counted - kept,
        Account.DIFFERENCES: expected - counted,
        account: kept - expected,
    }
