"""What does every payment gateway do, and in which words?

Gateways know plain values only, no rows. Each network call takes at most TIMEOUT_SECONDS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

TIMEOUT_SECONDS = 5


class GatewayAway(Exception):
    """No answer, or none that says what happened: the outcome is unknown and is asked for later."""


class GatewayRefused(Exception):
    """The gateway said no for good; the same request would be refused again."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Forged(Exception):
    """What claims to come from the gateway was not signed by it, or not lately."""


class Outcome(StrEnum):
    """What a gateway says of money."""

    PENDING = "pending"  # not decided yet
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # for good: declined or closed
    UNKNOWN = "unknown"  # there is no such number, at least not yet


@dataclass(frozen=True)
class PaymentOrder:
    """Money that a gateway is asked to take."""

    number: str  # ours, at most 32 letters and digits; the same number is one payment
    amount: Decimal
    currency: str
    title: str  # what the payer reads; no department, no diagnosis
    return_url: str
    notify_url: str
    expires_at: datetime  # the gateway takes no money after it


@dataclass(frozen=True)
class RefundOrder:
    """Money that a gateway is asked to give back."""

    number: str  # ours; the same number is one refund
    payment_number: str
    transaction: str  # the gateway's own number of the payment
    amount: Decimal
    paid: Decimal  # the whole payment
    currency: str
    notify_url: str


@dataclass(frozen=True)
class Way:
    """Where a payer goes: to an address, or to their app by a code that they scan."""

    redirect_url: str = ""
    qr: str = ""


@dataclass(frozen=True)
class PaymentNews:
    """What a gateway says of a payment."""

    number: str
    outcome: Outcome
    transaction: str = ""
    amount: Decimal | None = None
    currency: str = ""
    at: datetime | None = None
    message: str = ""  # the gateway's words, for people


@dataclass(frozen=True)
class RefundNews:
    """What a gateway says of a refund."""

    number: str
    outcome: Outcome
    transaction: str = ""
    amount: Decimal | None = None
    currency: str = ""
    at: datetime | None = None
    message: str = ""


@dataclass(frozen=True)
class Notification:
    """What was posted to us: header names in lower case, the body as it came."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Event:
    """A notification whose signature holds."""

    id: str
    news: PaymentNews | RefundNews | None  # None: of no interest to us


@dataclass(frozen=True)
class Acknowledgement:
    """What a gateway wants to hear, or it sends the same again."""

    status: int
    content_type: str
    body: bytes


class LineKind(StrEnum):
    """What a line of a statement is about."""

    PAYMENT = "payment"
    REFUND = "refund"


@dataclass(frozen=True)
class Line:
    """One line of a gateway's statement; the amount is positive for both kinds."""

    kind: LineKind
    number: str  # ours, of the payment or the refund
    transaction: str
    amount: Decimal
    currency: str
    at: datetime
    fee: Decimal = Decimal(0)  # what the gateway keeps


class StatementUnreadable(Exception):
    """A statement is not what this gateway writes; `line` counts from 1, 0 for the whole."""

    def __init__(self, why: str, line: int = 0) -> None:
        super().__init__(why)
        self.why = why
        self.line = line


class PaymentGateway(Protocol):
    """A party that moves money. Any call may raise GatewayAway or GatewayRefused."""

    def create(self, order: PaymentOrder) -> Way:
        """Open a payment; the same number again opens the same."""

    def query(self, number: str) -> PaymentNews:
        """Ask what became of a payment; UNKNOWN where the gateway has no such number."""

    def close(self, number: str) -> None:
        """Take no more money for a payment; one that was paid stays paid."""

    def refund(self, order: RefundOrder) -> RefundNews:
        """Give money back; the same number again gives back once."""

    def query_refund(self, number: str, payment_number: str) -> RefundNews:
        """Ask what became of a refund; UNKNOWN where the gateway has no such number."""

    def verify(self, notification: Notification) -> Event:
        """Read a notification over its raw bytes. Raises: Forged."""

    def acknowledge(self) -> Acknowledgement:
        """Say that a notification has arrived."""

    def statement(self, day: date) -> list[Line]:
        """Fetch the lines of a day in the gateway's own time zone."""

    def read_statement(self, content: bytes) -> list[Line]:
        """Read a statement that staff downloaded. Raises: StatementUnreadable."""
