"""How does MedBook speak with Alipay? By its open platform, signed with RSA2."""

import csv
import io
import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from alipay import AliPay
from alipay.exceptions import AliPayException, AliPayValidationError
from django.conf import settings

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

PAGES = {
    "page": ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    "wap": ("alipay.trade.wap.pay", "QUICK_WAP_PAY"),
}
LONGEST_TITLE = 256
NOT_IN_TITLES = re.compile(r"[/=&]")

SUCCESS, UNAVAILABLE = "10000", "20000"
PASSING = ("SYSTEM_ERROR", "UNKNOW-ERROR", "CALL-LIMITED")
UNKNOWN = "ACQ.TRADE_NOT_EXIST"
CANNOT_BE_PAID = {UNKNOWN, "ACQ.TRADE_STATUS_ERROR", "ACQ.REASON_TRADE_STATUS_INVALID"}
NO_STATEMENT = "BILL_NOT_EXIST"

OUTCOMES = {
    "WAIT_BUYER_PAY": Outcome.PENDING,
    "TRADE_SUCCESS": Outcome.SUCCEEDED,
    "TRADE_FINISHED": Outcome.SUCCEEDED,
    "TRADE_CLOSED": Outcome.FAILED,
}
OLDEST = timedelta(hours=26)  # Alipay tries for 25 hours, and may not date each try anew
LARGEST_SKEW = timedelta(minutes=5)
MOST_FIELDS = 100

FIRST_COLUMN = "支付宝交易号"
END = "业务明细列表结束"
TOTALS = {
    LineKind.PAYMENT: re.compile(r"^#交易合计：([0-9]+)笔", re.MULTILINE),
    LineKind.REFUND: re.compile(r"^#退款合计：([0-9]+)笔", re.MULTILINE),
}

NOT_BELIEVED = (AliPayException, AliPayValidationError, *china.UNREADABLE)


class AlipayGateway:
    """Alipay, for the app settings.ALIPAY_APP_ID."""

    def __init__(self, send: outgoing.Send | None = None) -> None:
        self._send = send or outgoing.send
        self._client = _client(
            settings.ALIPAY_APP_ID, settings.ALIPAY_PRIVATE_KEY, settings.ALIPAY_PUBLIC_KEY
        )
        self._page = PAGES[settings.ALIPAY_PAGE]

    def create(self, order: PaymentOrder) -> Way:
        """Sign the address of a page to pay on; Alipay opens the payment when it is visited."""
        china.only_yuan(order.currency)
        method, product = self._page
        said = {
            "out_trade_no": order.number,
            "total_amount": f"{money.rounded(order.amount)}",
            "subject": NOT_IN_TITLES.sub(" ", order.title)[:LONGEST_TITLE],
            "product_code": product,
            "time_expire": china.local_text(order.expires_at),
        }
        return Way(
            redirect_url=self._address(
                method, said, return_url=order.return_url, notify_url=order.notify_url
            )
        )

    def query(self, number: str) -> PaymentNews:
        """Ask what became of a payment; one whose page was not visited yet is unknown too."""
        try:
            said = self._ask("alipay.trade.query", {"out_trade_no": number})
        except GatewayRefused as no:
            if no.why != UNKNOWN:
                raise
            return PaymentNews(number, Outcome.UNKNOWN, message=no.why)
        try:
            return _payment(said, number, said.get("send_pay_date"))
        except china.UNREADABLE:
            raise GatewayAway("unreadable") from None

    def close(self, number: str) -> None:
        """Take no more money; a page that was not visited yet can be until it expires."""
        try:
            self._ask("alipay.trade.close", {"out_trade_no": number})
        except GatewayRefused as no:
            if no.why not in CANNOT_BE_PAID:
                raise

    def refund(self, order: RefundOrder) -> RefundNews:
        """Give money back; PENDING where Alipay does not say that money moved just now."""
        china.only_yuan(order.currency)
        said = self._ask(
            "alipay.trade.refund",
            {
                "out_trade_no": order.payment_number,
                "out_request_no": order.number,
                "refund_amount": f"{money.rounded(order.amount)}",
            },
        )
        has_moved = said.get("fund_change") == "Y"
        return RefundNews(
            number=order.number,
            outcome=Outcome.SUCCEEDED if has_moved else Outcome.PENDING,
            transaction=str(said.get("trade_no", order.transaction)),
            amount=order.amount,  # Alipay says what was given back of the payment so far
            currency=china.CURRENCY,
        )

    def query_refund(self, number: str, payment_number: str) -> RefundNews:
        """Ask what became of a refund, at the soonest 10 seconds after it was asked for."""
        try:
            said = self._ask(
                "alipay.trade.fastpay.refund.query",
                {
                    "out_trade_no": payment_number,
                    "out_request_no": number,
                    "query_options": ["gmt_refund_pay"],
                },
            )
        except GatewayRefused as no:
            if no.why != UNKNOWN:
                raise
            return RefundNews(number, Outcome.UNKNOWN, message=no.why)
        if said.get("refund_status") != "REFUND_SUCCESS":
            return RefundNews(number, Outcome.UNKNOWN)  # failed, under way, or never heard of
        try:
            return _refund(said, number, said.get("gmt_refund_pay"))
        except china.UNREADABLE:
            raise GatewayAway("unreadable") from None

    def verify(self, notification: Notification) -> Event:
        """Read a notification over its raw bytes. Raises: Forged."""
        try:
            said = self._signed_form(notification.body)
            is_ours = (said["app_id"], said["seller_id"]) == (
                settings.ALIPAY_APP_ID,
                settings.ALIPAY_SELLER_ID,
            )
            age = clock.now() - china.instant(said["notify_time"])
            if not is_ours or not -LARGEST_SKEW <= age <= OLDEST:
                raise Forged
            return Event(id=said["notify_id"], news=_news(said))
        except NOT_BELIEVED:
            raise Forged from None

    def acknowledge(self) -> Acknowledgement:
        """Say that a notification has arrived."""
        return Acknowledgement(200, "text/plain", b"success")

    def statement(self, day: date) -> list[Line]:
        """Fetch the lines of a day in Beijing."""
        try:
            said = self._ask(
                "alipay.data.dataservice.bill.downloadurl.query",
                {"bill_type": "trade", "bill_date": day.isoformat()},
            )
        except GatewayRefused as no:
            if not no.why.upper().endswith(NO_STATEMENT):
                raise
            if not china.is_written(day):
                raise GatewayAway(no.why) from None
            return []  # a day without payments
        # Alipay names an address without TLS; the host serves both.
        address = "https://" + str(said.get("bill_download_url")).partition("://")[2]
        answer = china.answered(self._send, "GET", address, b"", {})
        if answer.status != 200:
            raise GatewayAway(f"HTTP {answer.status}")
        try:
            return self.read_statement(answer.body)
        except StatementUnreadable as wrong:
            raise GatewayAway(f"statement, line {wrong.line}: {wrong.why}") from None

    def read_statement(self, content: bytes) -> list[Line]:
        """Read 业务明细, as CSV or in its archive. Raises: StatementUnreadable."""
        text = china.statement_text(content, FIRST_COLUMN)
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            cells = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
        except csv.Error:
            raise StatementUnreadable("not CSV", reader.line_num) from None
        rows = [(at, row) for at, row in cells if any(row) and not row[0].startswith("#")]
        if not rows or rows[0][1][0] != FIRST_COLUMN:
            raise StatementUnreadable(f"the first column is not {FIRST_COLUMN}")
        lines = china.statement_lines(rows[0][1], rows[1:], _line)
        if END not in text:
            raise StatementUnreadable("the file is cut off")
        for kind, total in TOTALS.items():
            said = total.search(text)
            if said and int(said[1]) != sum(line.kind == kind for line in lines):
                raise StatementUnreadable("the totals count other lines")
        return lines

    def _address(self, method: str, said: Mapping[str, object], **more: str) -> str:
        asked = self._client.build_body(
            method, said, timestamp=china.local_text(clock.now()), **more
        )
        return f"{settings.ALIPAY_GATEWAY}?{self._client.sign_data(asked)}"

    def _ask(self, method: str, said: Mapping[str, object]) -> Mapping[str, Any]:
        answer = china.answered(self._send, "GET", self._address(method, said), b"", {})
        if answer.status != 200:
            raise GatewayAway(f"HTTP {answer.status}")
        try:
            answered: Mapping[str, Any] = self._client._verify_and_return_sync_response(
                answer.body.decode(), f"{method.replace('.', '_')}_response"
            )
            code = str(answered["code"])
        except NOT_BELIEVED as wrong:
            # Without its words, which repeat the answer and who paid.
            hint = china.code_in(answer.body, "sub_code")
            raise GatewayAway(f"{type(wrong).__name__} {hint}".rstrip()) from None
        if code == SUCCESS:
            return answered
        why = str(answered.get("sub_code") or code)
        if code == UNAVAILABLE or why.upper().endswith(PASSING):
            raise GatewayAway(why)
        raise GatewayRefused(why)

    def _signed_form(self, body: bytes) -> dict[str, str]:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
        said = dict(fields)
        signature = said.pop("sign")
        if len(said) != len(fields) - 1 or not self._client.verify(said, signature):
            raise Forged
        return said


@lru_cache(maxsize=1)  # loading a private key takes 0.2 seconds
def _client(app_id: str, private_key: str, public_key: str) -> Any:
    return AliPay(
        appid=app_id,
        app_private_key_string=private_key,
        alipay_public_key_string=public_key,
        sign_type="RSA2",
    )


def _news(said: Mapping[str, str]) -> PaymentNews | RefundNews | None:
    if said["notify_type"] != "trade_status_sync":
        return None
    if said.get("out_biz_no") and said.get("gmt_refund"):
        # Its refund_fee is what was given back of the payment so far.
        return _refund({**said, "refund_amount": ""}, said["out_biz_no"], said["gmt_refund"])
    return _payment(said, said["out_trade_no"], said.get("gmt_payment"))


def _payment(said: Mapping[str, Any], number: str, paid_at: str | None) -> PaymentNews:
    outcome = OUTCOMES[said["trade_status"]]
    if said["out_trade_no"] != number:
        raise ValueError("of another payment")
    if outcome == Outcome.FAILED and paid_at:
        outcome = Outcome.SUCCEEDED  # paid, and all of it given back since
    return PaymentNews(
        number=number,
        outcome=outcome,
        transaction=str(said["trade_no"]),
        amount=china.amount(said["total_amount"]),
        currency=china.CURRENCY,
        at=china.instant(paid_at) if paid_at else None,
    )


def _refund(said: Mapping[str, Any], number: str, at: str | None) -> RefundNews:
    if said.get("out_request_no", number) != number:
        raise ValueError("of another refund")
    return RefundNews(
        number=number,
        outcome=Outcome.SUCCEEDED,
        transaction=str(said["trade_no"]),
        amount=china.amount(said["refund_amount"]) if said["refund_amount"] else None,
        currency=china.CURRENCY,
        at=china.instant(at) if at else None,
    )


def _line(row: Mapping[str, str]) -> Line:
    if row["业务类型"] not in ("交易", "退款"):
        raise ValueError("neither 交易 nor 退款")
    is_payment = row["业务类型"] == "交易"
    return Line(
        kind=LineKind.PAYMENT if is_payment else LineKind.REFUND,
        number=row["商户订单号"] if is_payment else row["退款批次号/请求号"],
        transaction=row[FIRST_COLUMN],
        amount=abs(china.amount(row["订单金额（元）"])),
        currency=china.CURRENCY,
        at=china.instant(row["完成时间"]),
        fee=(china.fee_of_payment if is_payment else china.fee_of_refund)(row["服务费（元）"]),
    )
