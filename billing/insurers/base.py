"""What does every insurer do, and in which words?

Insurers know plain values only, no rows. Any call may raise GatewayAway, where the outcome is
unknown, or GatewayRefused, where the same request would be refused again.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """What an insurer says of a claim."""

    PENDING = "pending"  # not decided yet
    ACCEPTED = "accepted"  # as far as the amount says
    REJECTED = "rejected"
    REVERSED = "reversed"


@dataclass(frozen=True)
class ClaimOrder:
    """What an insurer is asked to bear; of the visit it hears no more than this."""

    number: str  # ours, 32 letters and digits; the same number is one claim
    policy: str  # the policy's number, in clear
    amount: Decimal
    currency: str
    reference: str  # of the invoice, for people


@dataclass(frozen=True)
class ClaimNews:
    """What an insurer says of a claim."""

    number: str
    outcome: Outcome
    accepted: Decimal = Decimal(0)
    currency: str = ""
    transaction: str = ""
    at: datetime | None = None
    message: str = ""  # the insurer's words, for people


class LineKind(StrEnum):
    """What a line of a statement is about."""

    CLAIM = "claim"  # the insurer has paid
    REVERSAL = "reversal"  # the insurer has taken back what it had paid


@dataclass(frozen=True)
class Line:
    """One line of an insurer's statement; the amount is positive for both kinds."""

    kind: LineKind
    number: str
    transaction: str
    amount: Decimal
    currency: str
    at: datetime


class Insurer(Protocol):
    """A party that bears a part of fees."""

    def claim(self, order: ClaimOrder) -> ClaimNews:
        """Ask for a part of a fee; the same number again is the same claim."""

    def query(self, number: str) -> ClaimNews | None:
        """Ask what became of a claim; None where the insurer knows no such number."""

    def reverse(self, number: str) -> ClaimNews:
        """Take a claim back, again without effect; one that arrives later counts as reversed."""

    def statement(self, day: date) -> list[Line]:
        """Fetch what the insurer paid and took back on a day in its own time zone."""
