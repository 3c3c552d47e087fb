"""How does MedBook pay through Sandbox Bank?"""

import csv
import json
from collections.abc import Mapping
from datetime import date
from typing import Any, TypeVar

from billing.gateways.base import (
    Acknowledgement,
    Event,
    Forged,
    GatewayAway,
    Line,
    LineKind,
    Notification,
    Outcome,
    PaymentNews,
    PaymentOrder,
    RefundNews,
    RefundOrder,
    StatementUnreadable,
    Way,
)
from billing.gateways.signed_line import UNREADABLE, SignedLine, Unknown, amount_of, instant_of
from medbook import outgoing

OUTCOMES = {
    "pending": Outcome.PENDING,
    "processing": Outcome.PENDING,
    "paid": Outcome.SUCCEEDED,
    "succeeded": Outcome.SUCCEEDED,
    "failed": Outcome.FAILED,
    "closed": Outcome.FAILED,
}
OF_PAYMENTS = frozenset({"payment.succeeded", "payment.failed"})
OF_REFUNDS = frozenset({"refund.succeeded", "refund.failed"})
COLUMNS = ["kind", "number", "transaction", "amount", "currency", "at", "fee"]

News = TypeVar("News", PaymentNews, RefundNews)


class SandboxGateway:
    """The bank at settings.SANDBOX_URL."""

    def __init__(self, send: outgoing.Send | None = None) -> None:
        self._line = SignedLine(send)

    def create(self, order: PaymentOrder) -> Way:
        """Open a payment; the same number again opens the same."""
        said = self._line.ask(
            "POST",
            "payments/",
            {
                "number": order.number,
                "amount": f"{order.amount:.2f}",
                "currency": order.currency,
                "title": order.title,
                "return_url": order.return_url,
                "notify_url": order.notify_url,
                "expires_at": order.expires_at.isoformat(),
            },
        )
        try:
            return Way(redirect_url=str(said["pay_url"]))
        except KeyError as wrong:
            raise GatewayAway("unreadable") from wrong

    def query(self, number: str) -> PaymentNews:
        """Ask what became of a payment."""
        try:
            said = self._line.ask("GET", f"payments/{number}/")
        except Unknown:
            return PaymentNews(number, Outcome.UNKNOWN)
        return _read(PaymentNews, said)

    def close(self, number: str) -> None:
        """Take no more money for a payment."""
        try:
            self._line.ask("POST", f"payments/{number}/close/", {})
        except Unknown:
            return  # for which no money can come in

    def refund(self, order: RefundOrder) -> RefundNews:
        """Give money back."""
        said = self._line.ask(
            "POST",
            "refunds/",
            {
                "number": order.number,
                "payment_number": order.payment_number,
                "amount": f"{order.amount:.2f}",
                "currency": order.currency,
                "notify_url": order.notify_url,
            },
        )
        return _read(RefundNews, said)

    def query_refund(self, number: str, payment_number: str) -> RefundNews:
        """Ask what became of a refund."""
        try:
            said = self._line.ask("GET", f"refunds/{number}/")
        except Unknown:
            return RefundNews(number, Outcome.UNKNOWN)
        return _read(RefundNews, said)

    def verify(self, notification: Notification) -> Event:
        """Read a notification over its raw bytes. Raises: Forged."""
        if not self._line.is_from_the_bank(notification.headers, notification.body):
            raise Forged
        try:
            said = json.loads(notification.body)
            return Event(id=str(said["id"]), news=_news_of_event(said))
        except UNREADABLE as wrong:
            raise Forged from wrong  # the bank writes no such thing

    def acknowledge(self) -> Acknowledgement:
        """Say that a notification has arrived."""
        return Acknowledgement(200, "application/json", b'{"code":"ok"}')

    def statement(self, day: date) -> list[Line]:
        """Fetch the lines of a day."""
        said = self._line.ask("GET", f"statements/{day.isoformat()}/")
        try:
            return [_line(line) for line in said["lines"]]
        except UNREADABLE as wrong:
            raise GatewayAway("unreadable") from wrong

    def read_statement(self, content: bytes) -> list[Line]:
        """Read a statement that staff downloaded. Raises: StatementUnreadable."""
        try:
            rows = list(csv.reader(content.decode("utf-8-sig").splitlines(), strict=True))
        except (UnicodeDecodeError, csv.Error) as wrong:
            raise StatementUnreadable("not a CSV file in UTF-8") from wrong
        if not rows or rows[0] != COLUMNS:
            raise StatementUnreadable(f"the first line is not {','.join(COLUMNS)}", 1)
        return [_row(row, number) for number, row in enumerate(rows[1:], 2) if row]


def _news_of_event(said: Mapping[str, Any]) -> PaymentNews | RefundNews | None:
    if said["event"] in OF_PAYMENTS:
        return _news(PaymentNews, said)
    if said["event"] in OF_REFUNDS:
        return _news(RefundNews, said)
    return None


def _read(kind: type[News], said: Mapping[str, Any]) -> News:
    try:
        return _news(kind, said)
    except UNREADABLE as wrong:
        raise GatewayAway("unreadable") from wrong


def _news(kind: type[News], said: Mapping[str, Any]) -> News:
    at = said.get("at") or said.get("paid_at") or said.get("refunded_at")
    return kind(
        number=str(said["number"]),
        outcome=OUTCOMES[said["state"]],
        transaction=str(said["transaction"]),
        amount=amount_of(said["amount"]),
        currency=str(said["currency"]),
        at=instant_of(at) if at else None,
        message=str(said["message"]),
    )


def _row(row: list[str], number: int) -> Line:
    if len(row) != len(COLUMNS):
        raise StatementUnreadable(f"there are not {len(COLUMNS)} columns", number)
    try:
        return _line(dict(zip(COLUMNS, row, strict=True)))
    except UNREADABLE as wrong:
        raise StatementUnreadable(str(wrong), number) from wrong


def _line(said: Mapping[str, Any]) -> Line:
    return Line(
        kind=LineKind(said["kind"]),
        number=str(said["number"]),
        transaction=str(said["transaction"]),
        amount=amount_of(said["amount"]),
        currency=str(said["currency"]),
        at=instant_of(said["at"]),
        fee=amount_of(said["fee"]),
    )
