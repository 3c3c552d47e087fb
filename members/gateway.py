"""How does an SMS leave the house?"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks

from medbook import clock, outgoing

TIMEOUT_SECONDS = 5
SHORTEST_KEY = 16
AGAIN_LATER = frozenset({408, 425, 429})  # besides all of 5xx: nothing is wrong with the message


class NotSent(Exception):
    """The message did not leave; `is_final` where another attempt would end alike."""

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.is_final = is_final


class SmsGateway(Protocol):
    """Whoever carries an SMS to a phone."""

    def send(self, *, recipient: str, text: str, key: str) -> None:
        """Hand a text over; the same key twice is one SMS.

        Raises: NotSent.
        """


class SandboxSms:
    """Carry nothing: in development the texts are read at /admin/messages/."""

    def send(self, *, recipient: str, text: str, key: str) -> None:
        """Do nothing."""


class HttpSms:
    """Post JSON to a provider, signed with a shared key.

    The signature is the HMAC-SHA256 of the time stamp, a dot and the body.
    """

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key.encode()

    def send(self, *, recipient: str, text: str, key: str) -> None:
        """Post one SMS; redirects are not followed.

        Raises: NotSent.
        """
        body = json.dumps({"to": recipient, "text": text}, ensure_ascii=False).encode()
        try:
            answer = outgoing.send(
                "POST", self.url, body, self._headers(body, key), TIMEOUT_SECONDS
            )
        except (OSError, HTTPException) as error:
            raise NotSent(type(error).__name__) from error
        if not 200 <= answer.status < 300:
            is_final = 400 <= answer.status < 500 and answer.status not in AGAIN_LATER
            raise NotSent(f"HTTP {answer.status}", is_final=is_final)

    def _headers(self, body: bytes, key: str) -> Mapping[str, str]:
        stamp = str(int(clock.now().timestamp()))
        signature = hmac.new(self.key, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "MedBook-Timestamp": stamp,
            "MedBook-Signature": f"sha256={signature}",
        }


def sms_gateway() -> SmsGateway:
    """Return the gateway that the settings name."""
    if settings.SMS_GATEWAY == "http":
        return HttpSms(settings.SMS_URL, settings.SMS_KEY)
    return SandboxSms()


def is_sandbox() -> bool:
    """Tell whether no SMS leaves the house."""
    return bool(settings.SMS_GATEWAY != "http")


def check_sms_gateway(**_options: object) -> list[checks.CheckMessage]:
    """Check that there is a gateway, and for production one that reaches people."""
    if settings.SMS_GATEWAY not in ("sandbox", "http"):
        return [checks.Error("SMS_GATEWAY is neither sandbox nor http.", id="members.E001")]
    if settings.SMS_GATEWAY == "http":
        return [checks.Error(problem, id="members.E002") for problem in _http_problems()]
    return []


def check_sms_gateway_for_production(**_options: object) -> list[checks.CheckMessage]:
    """Check that SMS leave the house at all."""
    if is_sandbox() and not settings.IS_DEVELOPMENT:
        return [checks.Error("SMS_GATEWAY is the sandbox: nobody gets a code.", id="members.E003")]
    return []


def _http_problems() -> list[str]:
    found = []
    url = urlsplit(settings.SMS_URL)
    if url.scheme != "https" and not (settings.IS_DEVELOPMENT and url.scheme == "http"):
        found.append("SMS_URL is no https address.")
    if not url.hostname:
        found.append("SMS_URL names no host.")
    if len(settings.SMS_KEY) < SHORTEST_KEY:
        found.append(f"SMS_KEY has fewer than {SHORTEST_KEY} characters.")
    return found
