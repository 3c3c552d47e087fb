"""Does MedBook understand Alipay, and believe nobody else?"""

import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import time_machine

from billing.gateways.alipay import AlipayGateway
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
)
from billing.gateways.checks import check_gateways
from medbook.outgoing import Answer
from tests.billing.rsa import Party

NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)
DAY = date(2026, 11, 24)
APP, SELLER = "2021000000000001", "2088000000000001"
TRADE = "2026112422001400000000000001"
PAYER = "csq***@sandbox.com"

QUERIED = {
    "code": "10000",
    "msg": "Success",
    "buyer_logon_id": PAYER,
    "out_trade_no": "P1",
    "send_pay_date": "2026-11-24 11:59:00",
    "total_amount": "171.00",
    "trade_no": TRADE,
    "trade_status": "TRADE_SUCCESS",
}
NOTIFIED = {
    "app_id": APP,
    "body": "",
    "buyer_id": "2088000000000009",
    "buyer_logon_id": PAYER,
    "charset": "utf-8",
    "gmt_payment": "2026-11-24 11:59:00",
    "notify_id": "2026112400222115900000000000001",
    "notify_time": "2026-11-24 11:59:01",
    "notify_type": "trade_status_sync",
    "out_trade_no": "P1",
    "seller_id": SELLER,
    "subject": "挂号费 MedBook",
    "total_amount": "171.00",
    "trade_no": TRADE,
    "trade_status": "TRADE_SUCCESS",
    "version": "1.0",
}
BILL_URL = "http://dwbillcenter.alipay.com/downloadBillFile.resource?fileId=1"
COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,"
    "对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,"
    "券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,"
    "分润（元）,备注"
)


@pytest.fixture(scope="module")
def parties():
    return Party(), Party()


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


class Alipay:
    """Alipay's side: verifies what it is asked, and answers as it is told to."""

    def __init__(self, us, them):
        self.us, self.them = us, them
        self.signer = them
        self.answers = {}
        self.asked = []

    def __call__(self, method, url, body, headers, timeout):
        assert (method, body, timeout) == ("GET", b"", 5)
        if url in self.answers:
            return Answer(200, {}, self.answers[url])
        said = self.verified(url)
        answer = self.answers[said["method"]]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else self.signed(said["method"], answer)

    def verified(self, url):
        """Read what an address asks, as Alipay does."""
        said = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
        signature = said.pop("sign")
        text = "&".join(f"{name}={said[name]}" for name in sorted(said))
        assert self.us.has_signed(text, signature)
        self.asked.append({**said, **json.loads(said.pop("biz_content"))})
        return self.asked[-1]

    def signed(self, method, said):
        text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        name, signature = f"{method.replace('.', '_')}_response", self.signer.sign(text)
        return Answer(200, {}, f'{{"{name}":{text},"sign":"{signature}"}}'.encode())

    def notified(self, **said):
        fields = {**NOTIFIED, **said}
        text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        signature = self.signer.sign(text)
        return Notification(
            {}, urlencode({**fields, "sign_type": "RSA2", "sign": signature}).encode()
        )


@pytest.fixture
def alipay(parties, settings):
    us, them = parties
    settings.ALIPAY_APP_ID, settings.ALIPAY_SELLER_ID = APP, SELLER
    settings.ALIPAY_PRIVATE_KEY, settings.ALIPAY_PUBLIC_KEY = us.private_pem, them.public_pem
    settings.PAYMENT_GATEWAYS = {"alipay": "billing.gateways.alipay.AlipayGateway"}
    return Alipay(us, them)


@pytest.fixture
def gateway(alipay):
    return AlipayGateway(alipay)


def order(**said):
    values = {
        "number": "P1",
        "amount": Decimal("171.00"),
        "currency": "CNY",
        "title": "挂号费 A&B",
        "return_url": "https://medbook.example/back",
        "notify_url": "https://medbook.example/told",
        "expires_at": NOON + timedelta(minutes=15),
    }
    return PaymentOrder(**{**values, **said})


def refund_order(**said):
    values = {
        "number": "R1",
        "payment_number": "P1",
        "transaction": TRADE,
        "amount": Decimal("50.00"),
        "paid": Decimal("171.00"),
        "currency": "CNY",
        "notify_url": "https://medbook.example/told",
    }
    return RefundOrder(**{**values, **said})


def refused(sub_code, code="40004"):
    return {"code": code, "msg": "Business Failed", "sub_code": sub_code, "sub_msg": PAYER}


def bill_row(kind, amount, fee, refund="", at="2026-11-24 12:00:30"):
    cells = [f"{TRADE}\t", "P1\t", kind, "挂号费", at, at, "", "", "", "", PAYER, amount, amount]
    cells += ["0.00"] * 5 + ["", "0.00", "0.00", refund, fee, "0.00", ""]
    return ",".join(cells)


def bill(*rows, payments=1, refunds=1):
    return "\r\n".join(
        [
            "#支付宝业务明细查询",
            f"#账号：[{SELLER}0156]",
            "#-----------------------------------------业务明细列表------------------------",
            COLUMNS,
            *rows,
            "#-----------------------------------------业务明细列表结束--------------------",
            f"#交易合计：{payments}笔，商家实收共171.00元，商家优惠共0.00元",
            f"#退款合计：{refunds}笔，商家实收退款共50.00元，商家优惠退款共0.00元",
            "#导出时间：[2026年11月25日 09:00:00]",
            "",
        ]
    )


BILL = bill(bill_row("交易", "171.00", "-1.03"), bill_row("退款", "-50.00", "0.30", "R1\t"))
BEIJING_NOON_AND_A_BIT = NOON + timedelta(seconds=30)
LINES = [
    Line(
        LineKind.PAYMENT,
        "P1",
        TRADE,
        Decimal("171.00"),
        "CNY",
        BEIJING_NOON_AND_A_BIT,
        Decimal("1.03"),
    ),
    Line(
        LineKind.REFUND,
        "R1",
        TRADE,
        Decimal("50.00"),
        "CNY",
        BEIJING_NOON_AND_A_BIT,
        Decimal("-0.30"),
    ),
]


def zipped(text):
    """Pack a bill as Alipay does, beside its summary."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", text.encode("gbk"))
        archive.writestr("b.csv", "#支付宝业务汇总查询\r\n门店编号,门店名称".encode("gbk"))
    return file.getvalue()


@pytest.mark.parametrize(
    ("page", "method", "product"),
    [
        ("page", "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
        ("wap", "alipay.trade.wap.pay", "QUICK_WAP_PAY"),
    ],
)
def test_the_way_to_pay_is_an_address_that_we_signed(alipay, settings, page, method, product):
    settings.ALIPAY_PAGE = page

    way = AlipayGateway(alipay).create(order())

    said = alipay.verified(way.redirect_url)
    assert way.redirect_url.startswith("https://openapi.alipay.com/gateway.do?")
    assert said["method"] == method
    assert said["product_code"] == product
    assert (said["out_trade_no"], said["total_amount"]) == ("P1", "171.00")
    assert said["time_expire"] == "2026-11-24 12:15:00"
    assert said["timestamp"] == "2026-11-24 12:00:00"
    assert said["notify_url"] == "https://medbook.example/told"
    assert said["subject"] == "挂号费 A B"


def test_only_yuan_are_taken_and_given_back(gateway):
    with pytest.raises(GatewayRefused, match="currency"):
        gateway.create(order(currency="USD"))
    with pytest.raises(GatewayRefused, match="currency"):
        gateway.refund(refund_order(currency="USD"))


@pytest.mark.parametrize(
    ("state", "paid_at", "outcome"),
    [
        ("WAIT_BUYER_PAY", None, Outcome.PENDING),
        ("TRADE_SUCCESS", "2026-11-24 11:59:00", Outcome.SUCCEEDED),
        ("TRADE_FINISHED", "2026-11-24 11:59:00", Outcome.SUCCEEDED),
        ("TRADE_CLOSED", None, Outcome.FAILED),
        ("TRADE_CLOSED", "2026-11-24 11:59:00", Outcome.SUCCEEDED),  # given back whole since
    ],
)
def test_each_state_of_a_payment_is_understood(alipay, gateway, state, paid_at, outcome):
    alipay.answers["alipay.trade.query"] = {
        **QUERIED,
        "trade_status": state,
        "send_pay_date": paid_at,
    }

    news = gateway.query("P1")

    at = NOON - timedelta(minutes=1) if paid_at else None
    assert news == PaymentNews("P1", outcome, TRADE, Decimal("171.00"), "CNY", at)


def test_a_payment_that_alipay_never_heard_of_has_failed(alipay, gateway):
    alipay.answers["alipay.trade.query"] = refused("ACQ.TRADE_NOT_EXIST")

    assert gateway.query("P1").outcome == Outcome.UNKNOWN


@pytest.mark.parametrize(
    "answer",
    [
        TimeoutError(),
        Answer(502, {}, b"bad gateway"),
        Answer(200, {}, b"not JSON"),
        Answer(200, {}, b'{"alipay_trade_query_response":{"code":"10000"}}'),
        Answer(200, {}, b'{"error_response":{"code":"40002"},"sign":"x"}'),
        refused("ACQ.SYSTEM_ERROR"),
        refused("isp.unknow-error", "20000"),
        {**QUERIED, "out_trade_no": "P2"},
        {**QUERIED, "trade_status": "NEW_STATE"},
        {**QUERIED, "total_amount": "much"},
    ],
)
def test_what_says_nothing_for_sure_is_asked_again_later(alipay, gateway, answer):
    alipay.answers["alipay.trade.query"] = answer

    with pytest.raises(GatewayAway) as away:
        gateway.query("P1")

    assert PAYER not in str(away.value)


def test_an_answer_that_somebody_else_signed_is_not_believed(alipay, gateway):
    alipay.answers["alipay.trade.query"] = QUERIED
    alipay.signer = Party()

    with pytest.raises(GatewayAway, match="AliPayValidationError"):
        gateway.query("P1")


def test_a_no_without_a_signature_still_helps_whoever_sets_it_up(alipay, gateway):
    body = b'{"alipay_trade_query_response":{"code":"40002","sub_code":"isv.invalid-signature"}}'
    alipay.answers["alipay.trade.query"] = Answer(200, {}, body)

    with pytest.raises(GatewayAway, match=r"isv\.invalid-signature"):
        gateway.query("P1")


@pytest.mark.parametrize("why", ["ACQ.TRADE_NOT_EXIST", "ACQ.TRADE_STATUS_ERROR"])
def test_closing_what_cannot_be_paid_any_more_is_no_trouble(alipay, gateway, why):
    alipay.answers["alipay.trade.close"] = refused(why)

    gateway.close("P1")

    assert alipay.asked[0]["out_trade_no"] == "P1"


def test_a_refund_carries_its_own_number_so_that_it_happens_once(alipay, gateway):
    alipay.answers["alipay.trade.refund"] = {
        "code": "10000",
        "fund_change": "Y",
        "refund_fee": "100.00",  # with an earlier one
        "trade_no": TRADE,
    }

    first = gateway.refund(refund_order())
    alipay.answers["alipay.trade.refund"]["fund_change"] = "N"
    again = gateway.refund(refund_order())

    assert first == RefundNews("R1", Outcome.SUCCEEDED, TRADE, Decimal("50.00"), "CNY")
    assert again.outcome == Outcome.PENDING
    assert [asked["out_request_no"] for asked in alipay.asked] == ["R1", "R1"]
    assert alipay.asked[0]["refund_amount"] == "50.00"


def test_a_refund_may_be_refused_for_good(alipay, gateway):
    alipay.answers["alipay.trade.refund"] = refused("ACQ.SELLER_BALANCE_NOT_ENOUGH")

    with pytest.raises(GatewayRefused) as no:
        gateway.refund(refund_order())

    assert no.value.why == "ACQ.SELLER_BALANCE_NOT_ENOUGH"


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"refund_status": "REFUND_SUCCESS"}, Outcome.SUCCEEDED),
        ({}, Outcome.UNKNOWN),
        (refused("ACQ.TRADE_NOT_EXIST"), Outcome.UNKNOWN),
    ],
)
def test_each_state_of_a_refund_is_understood(alipay, gateway, said, outcome):
    found = {"code": "10000", "out_request_no": "R1", "refund_amount": "50.00", "trade_no": TRADE}
    alipay.answers["alipay.trade.fastpay.refund.query"] = {**found, **said}

    news = gateway.query_refund("R1", "P1")

    assert (news.number, news.outcome) == ("R1", outcome)
    assert news.amount == (Decimal("50.00") if outcome == Outcome.SUCCEEDED else None)


def test_a_notification_of_a_payment_is_believed_without_who_paid(alipay, gateway):
    event = gateway.verify(alipay.notified())

    news = PaymentNews(
        "P1", Outcome.SUCCEEDED, TRADE, Decimal("171.00"), "CNY", NOON - timedelta(minutes=1)
    )
    assert event == Event(NOTIFIED["notify_id"], news)
    assert PAYER not in repr(event)
    assert gateway.acknowledge() == Acknowledgement(200, "text/plain", b"success")


def test_a_notification_may_be_of_a_refund_or_of_neither(alipay, gateway):
    refund = {"out_biz_no": "R1", "gmt_refund": "2026-11-24 11:59:00.123", "refund_fee": "100.00"}

    news = gateway.verify(alipay.notified(**refund)).news
    assert (news.number, news.outcome, news.amount) == ("R1", Outcome.SUCCEEDED, None)
    assert gateway.verify(alipay.notified(notify_type="dut_user_sign")).news is None


@pytest.mark.parametrize(
    "said",
    [
        {"app_id": "2021000000000002"},
        {"seller_id": "2088000000000002"},
        {"notify_time": "2026-11-23 09:00:00"},
        {"notify_time": "2026-11-24 12:10:00"},
        {"notify_time": "lately"},
        {"trade_status": "NEW_STATE"},
    ],
)
def test_a_notification_to_somebody_else_or_of_long_ago_is_forged(alipay, gateway, said):
    with pytest.raises(Forged):
        gateway.verify(alipay.notified(**said))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"171.00", b"0.01"),
        (b"sign_type=RSA2", b"sign_type=RSA"),
        (b"&sign=", b"&signed="),
        (b"body=", b"body=&body="),
        (b"body=", b"body=%FF"),
        (b"body=", "body=挂".encode()),
    ],
)
def test_a_notification_that_was_changed_on_the_way_is_forged(alipay, gateway, old, new):
    whole = alipay.notified()
    assert old in whole.body

    with pytest.raises(Forged):
        gateway.verify(Notification({}, whole.body.replace(old, new)))


def test_a_notification_that_somebody_else_signed_is_forged(alipay, gateway):
    alipay.signer = Party()

    with pytest.raises(Forged):
        gateway.verify(alipay.notified())


@pytest.mark.parametrize("content", [BILL.encode("gbk"), zipped(BILL)], ids=["csv", "zip"])
def test_a_statement_is_read_in_gbk_as_it_is_and_from_its_archive(gateway, content):
    assert gateway.read_statement(content) == LINES


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (BILL.replace("171.00,171.00", "x,171.00"), 5),
        (BILL.replace("-50.00,-50.00", "-50.00"), 6),
        (BILL.replace("退款,", "提现,"), 6),
        (BILL.replace("2026-11-24 12:00:30", "yesterday"), 5),
        (BILL.replace("服务费", "费"), 5),
        (BILL.replace("列表结束", "列表"), 0),
        (bill(bill_row("交易", "171.00", "-1.03"), payments=2, refunds=0), 0),
        ("#支付宝账务明细查询\r\n账务流水号,业务流水号", 0),
        ("#支付宝交易号", 0),
        ("", 0),
    ],
)
def test_a_broken_statement_says_in_which_line(gateway, text, line):
    with pytest.raises(StatementUnreadable) as wrong:
        gateway.read_statement(text.encode("gbk"))

    assert wrong.value.line == line
    assert PAYER not in wrong.value.why


@pytest.mark.parametrize("content", [b"PK\x03\x04 broken", b"\xff\xff\xff"])
def test_what_is_no_statement_at_all_is_unreadable(gateway, content):
    with pytest.raises(StatementUnreadable):
        gateway.read_statement(content)


def test_the_statement_of_a_day_is_fetched_by_tls(alipay, gateway):
    alipay.answers["alipay.data.dataservice.bill.downloadurl.query"] = {
        "code": "10000",
        "bill_download_url": BILL_URL,
    }
    alipay.answers[BILL_URL.replace("http:", "https:")] = zipped(BILL)

    assert gateway.statement(DAY) == LINES
    assert (alipay.asked[0]["bill_type"], alipay.asked[0]["bill_date"]) == ("trade", "2026-11-24")


def test_a_day_without_a_statement_is_empty_only_once_it_must_be_written(alipay, gateway):
    alipay.answers["alipay.data.dataservice.bill.downloadurl.query"] = refused("isp.bill_not_exist")

    assert gateway.statement(DAY - timedelta(days=1)) == []
    with pytest.raises(GatewayAway):
        gateway.statement(DAY)


def test_nothing_secret_is_shown(alipay, gateway, caplog):
    alipay.answers["alipay.trade.query"] = QUERIED
    gateway.query("P1")

    shown = f"{gateway!r} {vars(gateway)!r} {caplog.text}"
    assert alipay.us.private_pem.splitlines()[1] not in shown
    assert PAYER not in shown


@pytest.mark.parametrize(
    ("said", "problems"),
    [
        ({}, []),
        ({"ALIPAY_SELLER_ID": ""}, ["billing.E001"]),
        ({"ALIPAY_PRIVATE_KEY": "no PEM"}, ["billing.E002"]),
        ({"ALIPAY_PAGE": "poster"}, ["billing.E002"]),
        ({"PAYMENT_GATEWAYS": {"alipay": "not.installed.Gateway"}}, ["billing.E002"]),
    ],
)
def test_the_settings_are_checked(alipay, settings, said, problems):
    for name, value in said.items():
        setattr(settings, name, value)

    assert [problem.id for problem in check_gateways()] == problems
