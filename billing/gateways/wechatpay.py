"""How does MedBook speak with WeChat Pay? By its API v3, signed with RSA, secrets in AES-GCM."""

import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from copy import copy
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.conf import settings
from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.type import RequestType
from wechatpayv3.utils import build_authorization

from billing.gateways import china
from billing.gateways.base import (
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
from medbook import clock, money, outgoing

GATEWAY = "https://api.mch.weixin.qq.com"
KEY_BYTES = 32
LARGEST_SKEW = 300  # seconds
TIMESTAMP = re.compile(r"[0-9]{1,12}")
LONGEST_TITLE = 127

UNKNOWN = {"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"}
CANNOT_BE_PAID = UNKNOWN | {"ORDER_PAID", "ORDERPAID", "ORDER_CLOSED", "ORDERCLOSED"}
PASSING = ("SYSTEM_ERROR", "SYSTEMERROR", "BANK_ERROR", "BANKERROR", "STATEMENT_CREATING")
NO_STATEMENT = "NO_STATEMENT_EXIST"

PAYMENTS = {
    "NOTPAY": Outcome.PENDING,
    "USERPAYING": Outcome.PENDING,
    "SUCCESS": Outcome.SUCCEEDED,
    "REFUND": Outcome.SUCCEEDED,  # paid, and given back since
    "CLOSED": Outcome.FAILED,
    "REVOKED": Outcome.FAILED,
    "PAYERROR": Outcome.FAILED,
}
REFUNDS = {
    "PROCESSING": Outcome.PENDING,
    "ABNORMAL": Outcome.PENDING,  # until staff says on the merchant site where the money goes
    "SUCCESS": Outcome.SUCCEEDED,
    "CLOSED": Outcome.FAILED,
}

TOTALS = "总交易单数"
FIRST_COLUMN = "交易时间"
GIVEN_BACK = {"REFUND", "REVOKED"}


class WeChatPayGateway:
    """WeChat Pay, for the merchant settings.WECHATPAY_MCHID."""

    def __init__(self, send: outgoing.Send | None = None) -> None:
        if len(settings.WECHATPAY_APIV3_KEY.encode()) != KEY_BYTES:
            raise ValueError(f"WECHATPAY_APIV3_KEY has not {KEY_BYTES} bytes")
        self._send = send or outgoing.send
        self._client = copy(
            _client(
                settings.WECHATPAY_MCHID,
                settings.WECHATPAY_APPID,
                settings.WECHATPAY_CERT_SERIAL,
                settings.WECHATPAY_PRIVATE_KEY,
                settings.WECHATPAY_APIV3_KEY,
                settings.WECHATPAY_PUBLIC_KEY_ID,
                settings.WECHATPAY_PUBLIC_KEY,
            )
        )
        # The library's own way out verifies no refusal and looks at no time stamp.
        self._client._core = copy(self._client._core)
        self._client._core.request = self._ask

    def create(self, order: PaymentOrder) -> Way:
        """Open a payment; the same number again opens the same."""
        china.only_yuan(order.currency)
        said = self._client.pay(
            description=order.title[:LONGEST_TITLE],
            out_trade_no=order.number,
            amount={"total": _cents(order.amount), "currency": china.CURRENCY},
            time_expire=order.expires_at.astimezone(china.ZONE).isoformat(timespec="seconds"),
            notify_url=order.notify_url,
        )
        try:
            return Way(qr=str(said["code_url"]))
        except KeyError:
            raise GatewayAway("unreadable") from None

    def query(self, number: str) -> PaymentNews:
        """Ask what became of a payment."""
        try:
            said = self._client.query(out_trade_no=number)
        except GatewayRefused as no:
            if no.why not in UNKNOWN:
                raise
            return PaymentNews(number, Outcome.UNKNOWN, message=no.why)
        try:
            return _payment(said, number)
        except china.UNREADABLE:
            raise GatewayAway("unreadable") from None

    def close(self, number: str) -> None:
        """Take no more money for a payment."""
        try:
            self._client.close(out_trade_no=number)
        except GatewayRefused as no:
            if no.why not in CANNOT_BE_PAID:
                raise

    def refund(self, order: RefundOrder) -> RefundNews:
        """Give money back; the same number again gives back once."""
        china.only_yuan(order.currency)
        said = self._client.refund(
            out_refund_no=order.number,
            out_trade_no=order.payment_number,
            amount={
                "refund": _cents(order.amount),
                "total": _cents(order.paid),
                "currency": china.CURRENCY,
            },
            notify_url=order.notify_url,
        )
        try:
            return _refund(said, order.number, said["status"])
        except china.UNREADABLE:
            raise GatewayAway("unreadable") from None

    def query_refund(self, number: str, payment_number: str) -> RefundNews:
        """Ask what became of a refund."""
        try:
            said = self._client.query_refund(out_refund_no=number)
        except GatewayRefused as no:
            if no.why not in UNKNOWN:
                raise
            return RefundNews(number, Outcome.UNKNOWN, message=no.why)
        try:
            return _refund(said, number, said["status"])
        except china.UNREADABLE:
            raise GatewayAway("unreadable") from None

    def verify(self, notification: Notification) -> Event:
        """Read a notification over its raw bytes. Raises: Forged."""
        if not self._is_theirs(notification.headers, notification.body):
            raise Forged
        try:
            said = self._client.callback(notification.headers, notification.body)
            return Event(id=str(said["id"]), news=_news(said["event_type"], said["resource"]))
        except Exception:  # the library raises nothing narrower
            raise Forged from None

    def acknowledge(self) -> Acknowledgement:
        """Say that a notification has arrived."""
        return Acknowledgement(200, "application/json", b'{"code":"SUCCESS"}')

    def statement(self, day: date) -> list[Line]:
        """Fetch the lines of a day in Beijing."""
        try:
            said = self._client.trade_bill(bill_date=day.isoformat())
        except GatewayRefused as no:
            if no.why != NO_STATEMENT:
                raise
            if not china.is_written(day):
                raise GatewayAway(no.why) from None
            return []  # a day without payments
        address, digest = str(said.get("download_url")), str(said.get("hash_value"))
        if said.get("hash_type") != "SHA1" or not address.startswith(f"{GATEWAY}/"):
            raise GatewayAway("unreadable")
        try:
            content = china.unzipped(self._client.download_bill(address))
            # WeChat Pay offers no other digest; the file came by TLS as well.
            if hashlib.sha1(content, usedforsecurity=False).hexdigest() != digest.lower():
                raise GatewayAway("statement with another digest")
            return self.read_statement(content)
        except zlib.error:
            raise GatewayAway("unreadable") from None
        except StatementUnreadable as wrong:
            raise GatewayAway(f"statement, line {wrong.line}: {wrong.why}") from None

    def read_statement(self, content: bytes) -> list[Line]:
        """Read 交易账单, as CSV or in an archive. Raises: StatementUnreadable."""
        above, *below = china.statement_text(content, FIRST_COLUMN).split("\n")
        end = next((at for at, line in enumerate(below) if line.startswith(TOTALS)), len(below))
        rows = [(at, _cells(line)) for at, line in enumerate(below[:end], 2) if line.strip()]
        lines = china.statement_lines(above.strip().split(","), rows, _line)
        if not below[end + 1 :]:
            raise StatementUnreadable("the file is cut off")
        if _cells(below[end + 1])[0] != str(len(rows)):
            raise StatementUnreadable("the totals count other lines")
        return lines

    def _ask(
        self,
        path: str,
        method: RequestType = RequestType.GET,
        data: Mapping[str, object] | None = None,
        skip_verify: bool = False,
    ) -> Any:
        body = json.dumps(data) if data else ""
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "MedBook",
            "Wechatpay-Serial": settings.WECHATPAY_PUBLIC_KEY_ID,
            "Authorization": build_authorization(
                path,
                method.value,
                settings.WECHATPAY_MCHID,
                settings.WECHATPAY_CERT_SERIAL,
                self._client._core._private_key,
                data=body,
            ),
        }
        answer = china.answered(self._send, method.value, GATEWAY + path, body.encode(), headers)
        if skip_verify and answer.status == 200:
            return answer.body
        if not self._is_theirs(answer.headers, answer.body):
            hint = china.code_in(answer.body, "code")  # of no proof: for whoever set this up
            raise GatewayAway(f"HTTP {answer.status}, not signed {hint}".rstrip())
        return _understood(answer)

    def _is_theirs(self, headers: Mapping[str, str], body: bytes) -> bool:
        stamp = headers.get("wechatpay-timestamp", "")
        if not TIMESTAMP.fullmatch(stamp):
            return False
        if abs(clock.now().timestamp() - int(stamp)) > LARGEST_SKEW:
            return False
        # Of another key the library would ask the network.
        if headers.get("wechatpay-serial") != settings.WECHATPAY_PUBLIC_KEY_ID:
            return False
        try:
            return bool(self._client._core._verify_signature(headers, body.decode()))
        except Exception:  # the library raises nothing narrower
            return False


@lru_cache(maxsize=1)  # loading a private key takes 0.1 seconds
def _client(
    mchid: str,
    appid: str,
    cert_serial: str,
    private_key: str,
    apiv3_key: str,
    public_key_id: str,
    public_key: str,
) -> Any:
    return WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=mchid,
        appid=appid,
        private_key=private_key,
        cert_serial_no=cert_serial,
        apiv3_key=apiv3_key,
        public_key=public_key,
        public_key_id=public_key_id,
    )


def _understood(answer: outgoing.Answer) -> Mapping[str, Any]:
    if answer.status == 204:
        return {}
    try:
        said = json.loads(answer.body)
        why = "" if answer.status == 200 else str(said["code"])
    except china.UNREADABLE:
        raise GatewayAway(f"HTTP {answer.status}, unreadable") from None
    if answer.status == 200 and isinstance(said, dict):
        return said
    if not 400 <= answer.status < 500 or answer.status == 429 or why in PASSING:
        raise GatewayAway(why or f"HTTP {answer.status}, unreadable")
    raise GatewayRefused(why)


def _news(kind: str, said: Mapping[str, Any]) -> PaymentNews | RefundNews | None:
    if not kind.startswith(("TRANSACTION.", "REFUND.")):
        return None
    if said["mchid"] != settings.WECHATPAY_MCHID:
        raise ValueError("of another merchant")
    if kind.startswith("REFUND."):
        return _refund(said, str(said["out_refund_no"]), said["refund_status"])
    return _payment(said, str(said["out_trade_no"]))


def _payment(said: Mapping[str, Any], number: str) -> PaymentNews:
    ours = (settings.WECHATPAY_MCHID, settings.WECHATPAY_APPID, number)
    if (said["mchid"], said["appid"], said["out_trade_no"]) != ours:
        raise ValueError("of another payment")
    paid = said.get("amount") or {}
    return PaymentNews(
        number=number,
        outcome=PAYMENTS[said["trade_state"]],
        transaction=str(said.get("transaction_id", "")),
        amount=_yuan(paid["total"]) if paid else None,
        currency=str(paid.get("currency", china.CURRENCY)),
        at=_instant(said.get("success_time")),
        message=str(said.get("trade_state_desc", "")),
    )


def _refund(said: Mapping[str, Any], number: str, state: str) -> RefundNews:
    if said["out_refund_no"] != number:
        raise ValueError("of another refund")
    return RefundNews(
        number=number,
        outcome=REFUNDS[state],
        transaction=str(said["refund_id"]),
        amount=_yuan(said["amount"]["refund"]),
        currency=str(said["amount"].get("currency", china.CURRENCY)),
        at=_instant(said.get("success_time")),
        message="ABNORMAL" if state == "ABNORMAL" else "",
    )


def _line(row: Mapping[str, str]) -> Line | None:
    state = row["交易状态"]
    if state == "SUCCESS":
        return Line(
            kind=LineKind.PAYMENT,
            number=row["商户订单号"],
            transaction=row["微信订单号"],
            amount=china.amount(row["订单金额"]),
            currency=row["货币种类"],
            at=china.instant(row[FIRST_COLUMN]),
            fee=china.fee_of_payment(row["手续费"]),
        )
    if state not in GIVEN_BACK:
        raise ValueError("neither SUCCESS, REFUND nor REVOKED")
    if row["退款状态"] == "FAIL":
        return None  # no money went back
    return Line(
        kind=LineKind.REFUND,
        number=row["商户退款单号"],
        transaction=row["微信退款单号"],
        amount=china.amount(row["申请退款金额"]),
        currency=row["货币种类"],
        at=china.instant(row[FIRST_COLUMN]),
        fee=china.fee_of_refund(row["手续费"]),
    )


def _cells(line: str) -> list[str]:
    # Each cell begins with a backtick; a title may hold commas.
    return line.strip().removeprefix("`").split(",`")


def _cents(amount: Decimal) -> int:
    return int(money.rounded(amount) * 100)


def _yuan(cents: object) -> Decimal:
    if type(cents) is not int:
        raise ValueError("no amount")
    return Decimal(cents).scaleb(-2)


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("no time")
    return instant
