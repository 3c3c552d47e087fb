"""Does MedBook understand WeChat Pay, and believe nobody else?"""

import gzip
import hashlib
import io
import json
import re
import zipfile
from base64 import b64encode
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
import time_machine
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

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
from billing.gateways.wechatpay import WeChatPayGateway
from medbook import clock
from medbook.outgoing import Answer
from tests.billing.rsa import Party

NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)
DAY = date(2026, 11, 24)
MCHID, APPID, KEY = "1900000001", "wx0000000000000001", "an APIv3 key of just 32 bytes !!"
SERIAL, KEY_ID = "444F4864EA9B34415B0C6F0000000001", "PUB_KEY_ID_0119000000012026112400000001"
TRANSACTION, REFUND_ID = "4200000000202611240000000001", "50000000002026112400000000001"
PAYER = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"

PAID = {
    "mchid": MCHID,
    "appid": APPID,
    "out_trade_no": "P1",
    "transaction_id": TRANSACTION,
    "trade_type": "NATIVE",
    "trade_state": "SUCCESS",
    "trade_state_desc": "支付成功",
    "success_time": "2026-11-24T11:59:00+08:00",
    "payer": {"openid": PAYER},
    "amount": {"total": 17100, "payer_total": 17100, "currency": "CNY", "payer_currency": "CNY"},
}
REFUNDED = {
    "refund_id": REFUND_ID,
    "out_refund_no": "R1",
    "transaction_id": TRANSACTION,
    "out_trade_no": "P1",
    "user_received_account": "招商银行信用卡0403",
    "success_time": "2026-11-24T11:59:00+08:00",
    "status": "SUCCESS",
    "amount": {"total": 17100, "refund": 5000, "payer_total": 17100, "currency": "CNY"},
}
QUERY = f"/v3/pay/transactions/out-trade-no/P1?mchid={MCHID}"
CLOSE = "/v3/pay/transactions/out-trade-no/P1/close"
REFUND = "/v3/refund/domestic/refunds"
BILL = "/v3/bill/tradebill?bill_date=2026-11-24&bill_type=ALL&tar_type=GZIP"
FILE = "/v3/billdownload/file?token=abc"
AUTHORIZATION = re.compile(
    rf'WECHATPAY2-SHA256-RSA2048 mchid="{MCHID}",nonce_str="(.+)",signature="(.+)",'
    rf'timestamp="(.+)",serial_no="{SERIAL}"'
)
COLUMNS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,"
    "退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)


@pytest.fixture(scope="module")
def parties():
    return Party(), Party()


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


class WeChatPay:
    """WeChat Pay's side: verifies what it is asked, and answers as it is told to."""

    def __init__(self, us, them):
        self.us, self.them = us, them
        self.signer = them
        self.answers = {}
        self.asked = []

    def __call__(self, method, url, body, headers, timeout):
        parts = urlsplit(url)
        assert (parts.scheme, parts.netloc, timeout) == ("https", "api.mch.weixin.qq.com", 5)
        path = f"{parts.path}?{parts.query}".rstrip("?")
        nonce, signature, stamp = AUTHORIZATION.fullmatch(headers["Authorization"]).groups()
        text = f"{method}\n{path}\n{stamp}\n{nonce}\n{body.decode()}\n"
        assert self.us.has_signed(text, signature)
        self.asked.append((path, json.loads(body) if body else None))
        answer = self.answers[path]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else self.signed(*answer)

    def signed(self, status, said):
        body = b"" if said is None else json.dumps(said, ensure_ascii=False).encode()
        return Answer(status, self.headers(body), body)

    def headers(self, body, **said):
        stamp, nonce = str(int(clock.now().timestamp())), "593BEC0C930BF1AFEB40B4A08C8FB242"
        stamp = said.pop("stamp", stamp)
        return {
            "wechatpay-nonce": nonce,
            "wechatpay-serial": KEY_ID,
            "wechatpay-signature": self.signer.sign(f"{stamp}\n{nonce}\n{body.decode()}\n"),
            "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
            "wechatpay-timestamp": stamp,
            **said,
        }

    def notified(self, kind="TRANSACTION.SUCCESS", key=KEY, stamp=None, **said):
        resource = {**PAID, **said}
        nonce, bound = "fdasflkja484", "transaction"
        sealed = AESGCM(key.encode()).encrypt(
            nonce.encode(), json.dumps(resource).encode(), bound.encode()
        )
        body = json.dumps(
            {
                "id": "EV-2026112411590000001",
                "event_type": kind,
                "resource_type": "encrypt-resource",
                "resource": {
                    "algorithm": "AEAD_AES_256_GCM",
                    "ciphertext": b64encode(sealed).decode(),
                    "associated_data": bound,
                    "nonce": nonce,
                },
            }
        ).encode()
        return Notification(self.headers(body, **({"stamp": stamp} if stamp else {})), body)


@pytest.fixture
def wechat(parties, settings):
    us, them = parties
    settings.WECHATPAY_MCHID, settings.WECHATPAY_APPID = MCHID, APPID
    settings.WECHATPAY_PRIVATE_KEY, settings.WECHATPAY_CERT_SERIAL = us.private_pem, SERIAL
    settings.WECHATPAY_PUBLIC_KEY, settings.WECHATPAY_PUBLIC_KEY_ID = them.public_pem, KEY_ID
    settings.WECHATPAY_APIV3_KEY = KEY
    settings.PAYMENT_GATEWAYS = {"wechatpay": "billing.gateways.wechatpay.WeChatPayGateway"}
    return WeChatPay(us, them)


@pytest.fixture
def gateway(wechat):
    return WeChatPayGateway(wechat)


def order(**said):
    values = {
        "number": "P1",
        "amount": Decimal("171.00"),
        "currency": "CNY",
        "title": "挂号费",
        "return_url": "https://medbook.example/back",
        "notify_url": "https://medbook.example/told",
        "expires_at": NOON + timedelta(minutes=15),
    }
    return PaymentOrder(**{**values, **said})


def refund_order(**said):
    values = {
        "number": "R1",
        "payment_number": "P1",
        "transaction": TRANSACTION,
        "amount": Decimal("50.00"),
        "paid": Decimal("171.00"),
        "currency": "CNY",
        "notify_url": "https://medbook.example/told",
    }
    return RefundOrder(**{**values, **said})


def no(status, code):
    return status, {"code": code, "message": PAYER}


def bill_row(state, amount, fee, refund=("0", "0", "0.00", ""), title="挂号费, 普通"):
    refund_id, number, given_back, refund_state = refund
    cells = ["2026-11-24 12:00:30", APPID, MCHID, "0", "", TRANSACTION, "P1", PAYER, "NATIVE"]
    cells += [state, "OTHERS", "CNY", amount, "0.00", refund_id, number, given_back, "0.00"]
    cells += ["ORIGINAL", refund_state, title, "", fee, "0.60%", amount, given_back, ""]
    return ",".join(f"`{cell}" for cell in cells)


def bill(*rows, count=None):
    totals = [str(len(rows) if count is None else count), "171.00", "50.00"]
    return "\r\n".join(
        [
            "\ufeff" + COLUMNS,
            *rows,
            "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额",
            ",".join(f"`{cell}" for cell in totals),
            "",
        ]
    )


PAYMENT_ROW = bill_row("SUCCESS", "171.00", "1.02600")
REFUND_ROW = bill_row("REFUND", "0.00", "-0.30000", (REFUND_ID, "R1", "50.00", "SUCCESS"))
STATEMENT = bill(PAYMENT_ROW, REFUND_ROW)
LINES = [
    Line(
        LineKind.PAYMENT,
        "P1",
        TRANSACTION,
        Decimal("171.00"),
        "CNY",
        NOON + timedelta(seconds=30),
        Decimal("1.02600"),
    ),
    Line(
        LineKind.REFUND,
        "R1",
        REFUND_ID,
        Decimal("50.00"),
        "CNY",
        NOON + timedelta(seconds=30),
        Decimal("-0.30000"),
    ),
]


def zipped(text):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("bill.csv", text.encode())
    return file.getvalue()


def test_a_payment_is_opened_with_a_code_to_scan(wechat, gateway):
    wechat.answers["/v3/pay/transactions/native"] = 200, {"code_url": "weixin://wxpay/bizpayurl?1"}

    way = gateway.create(order())

    assert way.qr == "weixin://wxpay/bizpayurl?1"
    assert wechat.asked == [
        (
            "/v3/pay/transactions/native",
            {
                "mchid": MCHID,
                "appid": APPID,
                "description": "挂号费",
                "out_trade_no": "P1",
                "amount": {"total": 17100, "currency": "CNY"},
                "time_expire": "2026-11-24T12:15:00+08:00",
                "notify_url": "https://medbook.example/told",
            },
        )
    ]


def test_only_yuan_are_taken_and_given_back(gateway):
    with pytest.raises(GatewayRefused, match="currency"):
        gateway.create(order(currency="USD"))
    with pytest.raises(GatewayRefused, match="currency"):
        gateway.refund(refund_order(currency="USD"))


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("NOTPAY", Outcome.PENDING),
        ("USERPAYING", Outcome.PENDING),
        ("SUCCESS", Outcome.SUCCEEDED),
        ("REFUND", Outcome.SUCCEEDED),
        ("CLOSED", Outcome.FAILED),
        ("REVOKED", Outcome.FAILED),
        ("PAYERROR", Outcome.FAILED),
    ],
)
def test_each_state_of_a_payment_is_understood(wechat, gateway, state, outcome):
    wechat.answers[QUERY] = 200, {**PAID, "trade_state": state}

    news = gateway.query("P1")

    at = NOON - timedelta(minutes=1)
    assert news == PaymentNews("P1", outcome, TRANSACTION, Decimal("171.00"), "CNY", at, "支付成功")


def test_a_payment_that_nobody_paid_yet_has_no_amount(wechat, gateway):
    said = {"trade_state": "NOTPAY", "mchid": MCHID, "appid": APPID, "out_trade_no": "P1"}
    wechat.answers[QUERY] = 200, said

    assert gateway.query("P1") == PaymentNews("P1", Outcome.PENDING, currency="CNY")


@pytest.mark.parametrize("code", ["ORDER_NOT_EXIST", "ORDERNOTEXIST"])
def test_a_payment_that_wechat_never_heard_of_is_unknown(wechat, gateway, code):
    wechat.answers[QUERY] = no(404, code)

    assert gateway.query("P1").outcome == Outcome.UNKNOWN


@pytest.mark.parametrize(
    "answer",
    [
        TimeoutError(),
        no(500, "SYSTEM_ERROR"),
        no(400, "SYSTEM_ERROR"),
        no(429, "FREQUENCY_LIMITED"),
        (200, ["no", "object"]),
        (404, {}),
        (302, None),
        Answer(502, {}, b"bad gateway"),
        Answer(200, {}, json.dumps(PAID).encode()),
        (200, {**PAID, "out_trade_no": "P2"}),
        (200, {**PAID, "trade_state": "NEW_STATE"}),
        (200, {**PAID, "amount": {"total": 171.0}}),
        (200, {**PAID, "success_time": "2026-11-24T11:59:00"}),
    ],
)
def test_what_says_nothing_for_sure_is_asked_again_later(wechat, gateway, answer):
    wechat.answers[QUERY] = answer

    with pytest.raises(GatewayAway) as away:
        gateway.query("P1")

    assert PAYER not in str(away.value)


def test_an_answer_that_somebody_else_signed_is_not_believed(wechat, gateway):
    wechat.answers[QUERY] = 200, PAID
    wechat.signer = Party()

    with pytest.raises(GatewayAway, match="not signed"):
        gateway.query("P1")


def test_a_no_without_a_signature_still_helps_whoever_sets_it_up(wechat, gateway):
    wechat.answers[QUERY] = Answer(401, {}, b'{"code":"SIGN_ERROR","message":"..."}')

    with pytest.raises(GatewayAway, match="HTTP 401, not signed SIGN_ERROR"):
        gateway.query("P1")


@pytest.mark.parametrize("answer", [(204, None), no(400, "ORDER_PAID"), no(404, "ORDERNOTEXIST")])
def test_closing_what_cannot_be_paid_any_more_is_no_trouble(wechat, gateway, answer):
    wechat.answers[CLOSE] = answer

    gateway.close("P1")

    assert wechat.asked == [(CLOSE, {"mchid": MCHID})]


@pytest.mark.parametrize(
    ("state", "outcome", "message"),
    [
        ("PROCESSING", Outcome.PENDING, ""),
        ("SUCCESS", Outcome.SUCCEEDED, ""),
        ("CLOSED", Outcome.FAILED, ""),
        ("ABNORMAL", Outcome.PENDING, "ABNORMAL"),
    ],
)
def test_each_state_of_a_refund_is_understood(wechat, gateway, state, outcome, message):
    wechat.answers[f"{REFUND}/R1"] = 200, {**REFUNDED, "status": state}

    news = gateway.query_refund("R1", "P1")

    at = NOON - timedelta(minutes=1)
    assert news == RefundNews("R1", outcome, REFUND_ID, Decimal("50.00"), "CNY", at, message)


def test_a_refund_that_wechat_never_heard_of_is_unknown(wechat, gateway):
    wechat.answers[f"{REFUND}/R1"] = no(404, "RESOURCE_NOT_EXISTS")

    assert gateway.query_refund("R1", "P1").outcome == Outcome.UNKNOWN


def test_a_refund_carries_its_own_number_so_that_it_happens_once(wechat, gateway):
    wechat.answers[REFUND] = 200, {**REFUNDED, "status": "PROCESSING"}

    assert gateway.refund(refund_order()).outcome == Outcome.PENDING
    gateway.refund(refund_order())

    [first, again] = [said for _path, said in wechat.asked]
    assert first == again
    assert (first["out_refund_no"], first["out_trade_no"]) == ("R1", "P1")
    assert first["amount"] == {"refund": 5000, "total": 17100, "currency": "CNY"}


def test_a_refund_may_be_refused_for_good(wechat, gateway):
    wechat.answers[REFUND] = no(403, "NOT_ENOUGH")

    with pytest.raises(GatewayRefused) as refused:
        gateway.refund(refund_order())

    assert refused.value.why == "NOT_ENOUGH"


def test_a_notification_of_a_payment_is_believed_without_who_paid(wechat, gateway):
    event = gateway.verify(wechat.notified())

    news = PaymentNews(
        "P1",
        Outcome.SUCCEEDED,
        TRANSACTION,
        Decimal("171.00"),
        "CNY",
        NOON - timedelta(minutes=1),
        "支付成功",
    )
    assert event == Event("EV-2026112411590000001", news)
    assert PAYER not in repr(event)
    assert gateway.acknowledge() == Acknowledgement(200, "application/json", b'{"code":"SUCCESS"}')


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("SUCCESS", Outcome.SUCCEEDED),
        ("CLOSED", Outcome.FAILED),
        ("ABNORMAL", Outcome.PENDING),
    ],
)
def test_a_notification_may_be_of_a_refund(wechat, gateway, kind, outcome):
    said = {**REFUNDED, "refund_status": kind, "amount": {"total": 17100, "refund": 5000}}

    news = gateway.verify(wechat.notified(f"REFUND.{kind}", **said)).news

    assert (news.number, news.outcome, news.amount) == ("R1", outcome, Decimal("50.00"))
    assert news.currency == "CNY"


def test_a_notification_of_anything_else_is_of_no_interest(wechat, gateway):
    assert gateway.verify(wechat.notified("COMPLAINT.CREATE")).news is None


@pytest.mark.parametrize(
    "said",
    [
        {"mchid": "1900000002"},
        {"appid": "wx0000000000000002"},
        {"trade_state": "NEW_STATE"},
        {"key": "another APIv3 key with 32 bytes "},
        {"stamp": str(int(NOON.timestamp()) - 301)},
        {"stamp": str(int(NOON.timestamp()) + 301)},
        {"stamp": "now"},
    ],
)
def test_a_notification_to_somebody_else_or_of_long_ago_is_forged(wechat, gateway, said):
    with pytest.raises(Forged):
        gateway.verify(wechat.notified(**said))


def test_a_notification_of_just_now_is_still_believed(wechat, gateway):
    assert gateway.verify(wechat.notified(stamp=str(int(NOON.timestamp()) - 300)))


@pytest.mark.parametrize(
    "headers",
    [
        {"wechatpay-serial": "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"},
        {"wechatpay-signature": "WECHATPAY/SIGNTEST/abc"},
        {"wechatpay-signature-type": "WECHATPAY2-SM2-WITH-SM3"},
        {"wechatpay-nonce": "another"},
    ],
)
def test_a_notification_with_other_headers_is_forged_and_asks_nobody(wechat, gateway, headers):
    whole = wechat.notified()

    with pytest.raises(Forged):
        gateway.verify(Notification({**whole.headers, **headers}, whole.body))
    assert wechat.asked == []


def test_a_notification_that_was_changed_or_signed_by_somebody_else_is_forged(wechat, gateway):
    whole = wechat.notified()

    for body in (whole.body.replace(b"EV-", b"EX-"), b"", b"\xff"):
        with pytest.raises(Forged):
            gateway.verify(Notification(whole.headers, body))
    with pytest.raises(Forged):
        gateway.verify(Notification({}, whole.body))
    wechat.signer = Party()
    with pytest.raises(Forged):
        gateway.verify(wechat.notified())


@pytest.mark.parametrize(
    "content",
    [
        STATEMENT.encode(),
        STATEMENT.removeprefix("\ufeff").encode("gbk"),
        zipped(STATEMENT),
        gzip.compress(STATEMENT.encode()),
    ],
    ids=["utf-8", "gbk", "zip", "gzip"],
)
def test_a_statement_is_read_as_it_is_and_from_its_archive(gateway, content):
    assert gateway.read_statement(content) == LINES


def test_a_refund_that_failed_is_no_line_and_an_empty_day_has_none(gateway):
    failed = bill_row("REFUND", "0.00", "0.00", (REFUND_ID, "R1", "50.00", "FAIL"))

    assert gateway.read_statement(bill(failed).encode()) == []
    assert gateway.read_statement(bill().encode()) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (STATEMENT.replace("`171.00,`0.00,`\r", "`x,`0.00,`\r"), 2),
        (STATEMENT.replace("`R1,", ""), 3),
        (STATEMENT.replace("`REFUND", "`TEST"), 3),
        (STATEMENT.replace("`2026-11-24 12", "`2026-11-24 25"), 2),
        (STATEMENT.replace("手续费,", "费,"), 2),
        (STATEMENT.partition("总交易单数")[0], 0),
        (STATEMENT.partition("`2,")[0], 0),
        (bill(PAYMENT_ROW, count=2), 0),
        ("记账时间,微信支付业务单号", 0),
    ],
)
def test_a_broken_statement_says_in_which_line(gateway, text, line):
    with pytest.raises(StatementUnreadable) as wrong:
        gateway.read_statement(text.encode())

    assert wrong.value.line == line
    assert PAYER not in wrong.value.why


@pytest.fixture
def offered(wechat):
    digest = hashlib.sha1(STATEMENT.encode()).hexdigest()
    said = {
        "hash_type": "SHA1",
        "hash_value": digest,
        "download_url": f"https://api.mch.weixin.qq.com{FILE}",
    }
    wechat.answers[BILL] = 200, said
    wechat.answers[FILE] = Answer(200, {}, gzip.compress(STATEMENT.encode()))
    return said


@pytest.mark.usefixtures("offered")
def test_the_statement_of_a_day_is_fetched_and_compared_with_its_digest(gateway):
    assert gateway.statement(DAY) == LINES


def test_a_statement_with_another_digest_or_from_elsewhere_is_not_believed(
    wechat, gateway, offered
):
    wechat.answers[FILE] = Answer(200, {}, STATEMENT.replace("171", "172").encode())
    with pytest.raises(GatewayAway, match="digest"):
        gateway.statement(DAY)

    wechat.answers[FILE] = Answer(200, {}, gzip.compress(STATEMENT.encode())[:-9])
    with pytest.raises(GatewayAway, match="unreadable"):
        gateway.statement(DAY)

    offered["download_url"] = "https://api.mch.weixin.qq.com.example/file"
    with pytest.raises(GatewayAway, match="unreadable"):
        gateway.statement(DAY)


def test_a_day_without_a_statement_is_empty_only_once_it_must_be_written(wechat, gateway):
    wechat.answers[BILL] = no(400, "NO_STATEMENT_EXIST")
    wechat.answers[BILL.replace("24", "23")] = no(400, "NO_STATEMENT_EXIST")

    assert gateway.statement(DAY - timedelta(days=1)) == []
    with pytest.raises(GatewayAway):
        gateway.statement(DAY)


def test_nothing_secret_is_shown(wechat, gateway, caplog):
    wechat.answers[QUERY] = 200, PAID
    gateway.query("P1")

    shown = f"{gateway!r} {vars(gateway)!r} {caplog.text}"
    assert KEY not in shown
    assert wechat.us.private_pem.splitlines()[1] not in shown
    assert PAYER not in shown


@pytest.mark.parametrize(
    ("said", "problems"),
    [
        ({}, []),
        ({"WECHATPAY_APIV3_KEY": ""}, ["billing.E001", "billing.E002"]),
        ({"WECHATPAY_PUBLIC_KEY": "no PEM"}, ["billing.E002"]),
        ({"WECHATPAY_APIV3_KEY": "short"}, ["billing.E002"]),
    ],
)
def test_the_settings_are_checked(wechat, settings, said, problems):
    for name, value in said.items():
        setattr(settings, name, value)

    assert [problem.id for problem in check_gateways()] == problems
