"""How does MedBook speak with Sandbox Bank? In JSON, signed by both sides with Ed25519."""

import csv
import json
import re
import secrets
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from http.client import HTTPException
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.conf import settings

from billing.gateways.base import (
    TIMEOUT_SECONDS,
    Acknowledgement,
    Event,
    Forged,
    GatewayAway,
    GatewayRefused,
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
from medbook import clock, outgoing
from medbook.encryption import signing

LARGEST_SKEW = 300  # seconds
TIMESTAMP = re.compile(r"[0-9]{1,12}")
UNREADABLE = (KeyError, TypeError, ValueError, RecursionError)
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
AMOUNT = re.compile(r"[0-9]{1,10}\.[0-9]{2}")
COLUMNS = ["kind", "number", "transaction", "amount", "currency", "at", "fee"]

News = TypeVar("News", PaymentNews, RefundNews)


class SandboxGateway:
    """The bank at settings.SANDBOX_URL."""

    def __init__(self, send: outgoing.Send | None = None) -> None:
        self._send = send or outgoing.send
        self._url = settings.SANDBOX_URL.rstrip("/")
        self._key = settings.SANDBOX_MERCHANT_KEY
        self._banks_key = signing.public_key(settings.SANDBOX_GATEWAY_KEY)

    def create(self, order: PaymentOrder) -> Way:
        """Open a payment; the same number again opens the same."""
        said = self._ask(
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
            said = self._ask("GET", f"payments/{number}/")
        except _Unknown:
            return PaymentNews(number, Outcome.UNKNOWN)
        return _read(PaymentNews, said)

    def close(self, number: str) -> None:
        """Take no more money for a payment."""
        try:
            self._ask("POST", f"payments/{number}/close/", {})
        except _Unknown:
            return  # for which no money can come in

    def refund(self, order: RefundOrder) -> RefundNews:
        """Give money back."""
        said = self._ask(
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
            said = self._ask("GET", f"refunds/{number}/")
        except _Unknown:
            return RefundNews(number, Outcome.UNKNOWN)
        return _read(RefundNews, said)

    def verify(self, notification: Notification) -> Event:
        """Read a notification over its raw bytes. Raises: Forged."""
        if not self._is_from_the_bank(notification.headers, notification.body):
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
        said = self._ask("GET", f"statements/{day.isoformat()}/")
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

    def _ask(
        self, method: str, path: str, said: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        url = f"{self._url}/api/{path}"
        body = b"" if said is None else json.dumps(said, ensure_ascii=False).encode()
        stamp, nonce = str(int(clock.now().timestamp())), secrets.token_hex(16)
        head = f"{method}\n{urlsplit(url).path}\n{stamp}\n{nonce}\n".encode()
        headers = {
            "Content-Type": "application/json",
            "Sandbox-Timestamp": stamp,
            "Sandbox-Nonce": nonce,
            "Sandbox-Signature": signing.sign(head + body, self._key),
        }
        try:
            answer = self._send(method, url, body, headers, TIMEOUT_SECONDS)
        except (OSError, HTTPException) as error:
            raise GatewayAway(type(error).__name__) from error
        # An answer to another request carries another nonce.
        is_mine = answer.headers.get("sandbox-nonce") == nonce
        if not is_mine or not self._is_from_the_bank(answer.headers, answer.body):
            raise GatewayAway(f"HTTP {answer.status}, unsigned")
        return _understood(answer)

    def _is_from_the_bank(self, headers: Mapping[str, str], body: bytes) -> bool:
        stamp, nonce = headers.get("sandbox-timestamp", ""), headers.get("sandbox-nonce", "")
        if not TIMESTAMP.fullmatch(stamp):
            return False
        if abs(clock.now().timestamp() - int(stamp)) > LARGEST_SKEW:
            return False
        signed = f"{stamp}\n{nonce}\n".encode() + body
        return signing.is_signed(signed, headers.get("sandbox-signature", ""), self._banks_key)


class _Unknown(GatewayRefused):
    """The bank knows no such number."""


def _understood(answer: outgoing.Answer) -> Mapping[str, Any]:
    try:
        said = json.loads(answer.body)
        code = "" if answer.status in (200, 201) else str(said["code"])
    except UNREADABLE as wrong:
        raise GatewayAway("unreadable") from wrong
    if not isinstance(said, dict):
        raise GatewayAway("unreadable")
    if answer.status in (200, 201):
        return said
    if answer.status == 404:
        raise _Unknown(code)
    if answer.status in (409, 422):
        raise GatewayRefused(code)
    raise GatewayAway(f"HTTP {answer.status}")


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
        amount=_amount(said["amount"]),
        currency=str(said["currency"]),
        at=_instant(at) if at else None,
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
        amount=_amount(said["amount"]),
        currency=str(said["currency"]),
        at=_instant(said["at"]),
        fee=_amount(said["fee"]),
    )


def _amount(text: str) -> Decimal:
    if not AMOUNT.fullmatch(text):
        raise ValueError(f"{text!r} is no amount")
    return Decimal(text)


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return instant
