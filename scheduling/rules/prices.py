"""What does a visit cost on a day? Pure policy."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

Step = tuple[date, Decimal]  # from which day on, how much


def price_of(steps: Sequence[Step], day: date) -> Decimal | None:
    """Tell the fee of the last step that begins by a day, of steps in order of their days."""
    begun = bisect_right(steps, day, key=lambda step: step[0])
    return steps[begun - 1][1] if begun else None


def is_history(valid_from: date, today: date) -> bool:
    """Tell whether a price begins on a day that is over, and so stays as it is."""
    return valid_from < today


def copied_fee(fee: Decimal, *, listed_then: Decimal | None, listed: Decimal | None) -> Decimal:
    """Let the copy of a session follow the price list if the session did; a fee of its own stays.

    `listed_then` is the price on the session's day, `listed` that on the day of the copy.
    """
    return listed if fee == listed_then and listed is not None else fee
