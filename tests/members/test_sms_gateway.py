"""How is an SMS handed to a provider, and what is made of the answers?"""

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from members import gateway
from members.gateway import (
    HttpSms,
    NotSent,
    SandboxSms,
    check_sms_gateway,
    check_sms_gateway_for_production,
    sms_gateway,
)

KEY = "a key of the provider"
SMS = {"recipient": "+8613912340001", "text": "123456 是您的验证码", "key": "the-delivery"}


class Provider(HTTPServer):
    """A provider on this machine: keeps what it gets, answers as it is told to."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answering)
        self.answer = 200
        self.requests = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1/sms?app=medbook"


class Answering(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        if self.server.answer is None:
            self.connection.close()
            return
        self.send_response(self.server.answer)
        self.send_header("Location", self.server.url)
        self.end_headers()

    def log_message(self, *_args):
        pass


@pytest.fixture
def provider():
    server = Provider()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_posts_recipient_and_text_with_a_key_of_its_own(provider):
    HttpSms(provider.url, KEY).send(**SMS)

    [(path, headers, body)] = provider.requests
    assert path == "/v1/sms?app=medbook"
    assert json.loads(body) == {"to": "+8613912340001", "text": "123456 是您的验证码"}
    assert headers["Idempotency-Key"] == "the-delivery"


def test_signs_the_time_and_the_body(provider):
    HttpSms(provider.url, KEY).send(**SMS)

    [(_path, headers, body)] = provider.requests
    signed = headers["MedBook-Timestamp"].encode() + b"." + body
    signature = hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["MedBook-Signature"] == f"sha256={signature}"


@pytest.mark.parametrize(
    ("answer", "is_final"),
    [(400, True), (401, True), (422, True), (408, False), (429, False), (500, False), (503, False)],
)
def test_tells_what_is_worth_another_attempt(provider, answer, is_final):
    provider.answer = answer

    with pytest.raises(NotSent) as failure:
        HttpSms(provider.url, KEY).send(**SMS)

    assert failure.value.is_final is is_final
    assert failure.value.why == f"HTTP {answer}"


def test_follows_no_redirect(provider):
    provider.answer = 302

    with pytest.raises(NotSent):
        HttpSms(provider.url, KEY).send(**SMS)

    assert len(provider.requests) == 1


def test_an_answer_that_breaks_off_is_worth_another_attempt(provider):
    provider.answer = None

    with pytest.raises(NotSent) as failure:
        HttpSms(provider.url, KEY).send(**SMS)

    assert not failure.value.is_final


def test_a_provider_that_is_away_is_worth_another_attempt(provider):
    provider.shutdown()
    provider.server_close()

    with pytest.raises(NotSent) as failure:
        HttpSms(provider.url, KEY).send(**SMS)

    assert not failure.value.is_final
    assert SMS["recipient"] not in str(failure.value)


def test_waits_for_an_answer_only_so_long(monkeypatch):
    monkeypatch.setattr(gateway, "TIMEOUT_SECONDS", 0.2)
    silent = HTTPServer(("127.0.0.1", 0), Answering)  # listens, and never accepts

    with pytest.raises(NotSent, match="TimeoutError"):
        HttpSms(f"http://127.0.0.1:{silent.server_port}/", KEY).send(**SMS)

    silent.server_close()


@pytest.mark.parametrize(("name", "kind"), [("sandbox", SandboxSms), ("http", HttpSms)])
def test_the_settings_name_the_gateway(settings, name, kind):
    settings.SMS_GATEWAY = name

    assert isinstance(sms_gateway(), kind)


@pytest.mark.parametrize(
    ("said", "problems"),
    [
        ({"SMS_GATEWAY": "sandbox"}, []),
        ({"SMS_GATEWAY": "http"}, []),
        ({"SMS_GATEWAY": "carrier pigeon"}, ["members.E001"]),
        ({"SMS_GATEWAY": ""}, ["members.E001"]),
        ({"SMS_GATEWAY": "http", "SMS_URL": ""}, ["members.E002", "members.E002"]),
        ({"SMS_GATEWAY": "http", "SMS_URL": "http://sms.example/"}, ["members.E002"]),
        ({"SMS_GATEWAY": "http", "SMS_KEY": "x" * 15}, ["members.E002"]),
    ],
)
def test_the_settings_are_checked(settings, said, problems):
    settings.IS_DEVELOPMENT = False
    settings.SMS_URL = "https://sms.example/v1"
    settings.SMS_KEY = "x" * 16
    for name, value in said.items():
        setattr(settings, name, value)

    assert [problem.id for problem in check_sms_gateway()] == problems


@pytest.mark.parametrize(
    ("gateway_name", "is_development", "is_wrong"),
    [("sandbox", False, True), ("sandbox", True, False), ("http", False, False)],
)
def test_production_needs_a_gateway_that_reaches_people(
    settings, gateway_name, is_development, is_wrong
):
    settings.SMS_GATEWAY = gateway_name
    settings.IS_DEVELOPMENT = is_development

    assert bool(check_sms_gateway_for_production()) is is_wrong
