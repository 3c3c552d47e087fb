"""What does an insurer bear of a visit, and how is a policy's number written?

Source: docs/flows/insurance.md.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

from medbook import money

NOTHING = Decimal(0)
NUMBER = re.compile(r"[0-9A-Z]{6,32}")
SHOWN = 4  # last characters of a masked number


@dataclass(frozen=True)
class Terms:
    """Which share a plan bears, from which amount on in a year, and up to which; None: no limit."""

    rate: Decimal
    deductible: Decimal = NOTHING
    yearly_cap: Decimal | None = None


@dataclass(frozen=True)
class Used:
    """What earlier visits of a year have used up of a plan's terms."""

    deductible: Decimal = NOTHING
    cap: Decimal = NOTHING


@dataclass(frozen=True)
class Share:
    """What an insurer bears of one visit, and what that visit uses up of the deductible."""

    borne: Decimal
    deducted: Decimal


def insurer_share(insurable: Decimal, terms: Terms, used: Used) -> Share:
    """Share an amount: the deductible first, then the rate, rounded half up once, up to the cap.

    Raises: ValueError for a negative amount or a rate outside 0 < rate ≤ 1.
    """
    if insurable < 0 or not 0 < terms.rate <= 1:
        raise ValueError("An amount is not negative, a rate lies in (0, 1].")
    deducted = min(insurable, max(terms.deductible - used.deductible, NOTHING))
    borne = money.rounded((insurable - deducted) * terms.rate)
    if terms.yearly_cap is not None:
        borne = min(borne, max(terms.yearly_cap - used.cap, NOTHING))
    return Share(borne, deducted)


def normalised_number(text: str) -> str:
    """Write a policy's number in capitals without blanks and hyphens.

    Raises: ValueError for anything but 6 to 32 letters and digits.
    """
    plain = re.sub(r"[\s\-]", "", unicodedata.normalize("NFKC", text)).upper()
    if not NUMBER.fullmatch(plain):
        raise ValueError("not a policy's number")
    return plain


def masked_number(number: str) -> str:
    """Show the last four characters."""
    return f"••••{number[-SHOWN:]}"
