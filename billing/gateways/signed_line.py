"""How do MedBook and Sandbox Bank speak? In JSON, signed by both sides with Ed25519."""

import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from billing.gateways.base import TIMEOUT_SECONDS, GatewayAway, GatewayRefused
from medbook import clock, outgoing
from medbook.encryption import signing

LARGEST_SKEW = 300  # seconds
TIMESTAMP = re.compile(r"[0-9]{1,12}")
UNREADABLE = (KeyError, TypeError, ValueError, RecursionError)
AMOUNT = re.compile(r"[0-9]{1,10}\.[0-9]{2}")


class Unknown(GatewayRefused):
    """The other side knows no such number."""


class SignedLine:
    """The line to settings.SANDBOX_URL, over which both sides sign what they say."""

    def __init__(self, send: outgoing.Send | None = None) -> None:
        self._send = send or outgoing.send
        self._url = settings.SANDBOX_URL.rstrip("/")
        self._key = settings.SANDBOX_MERCHANT_KEY
        self._banks_key = signing.public_key(settings.SANDBOX_GATEWAY_KEY)

    def ask(
        self, method: str, path: str, said: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        """Ask, and return the answer. Raises: GatewayAway, GatewayRefused, Unknown."""
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
        if not is_mine or not self.is_from_the_bank(answer.headers, answer.body):
            raise GatewayAway(f"HTTP {answer.status}, unsigned")
        return _understood(answer)

    def is_from_the_bank(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Tell whether the bank signed this, and lately."""
        stamp, nonce = headers.get("sandbox-timestamp", ""), headers.get("sandbox-nonce", "")
        if not TIMESTAMP.fullmatch(stamp):
            return False
        if abs(clock.now().timestamp() - int(stamp)) > LARGEST_SKEW:
            return False
        signed = f"{stamp}\n{nonce}\n".encode() + body
        return signing.is_signed(signed, headers.get("sandbox-signature", ""), self._banks_key)


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
        raise Unknown(code)
    if answer.status in (409, 422):
        raise GatewayRefused(code)
    raise GatewayAway(f"HTTP {answer.status}")


def amount_of(text: str) -> Decimal:
    """Read an amount. Raises: ValueError."""
    if not AMOUNT.fullmatch(text):
        raise ValueError(f"{text!r} is no amount")
    return Decimal(text)


def instant_of(text: str) -> datetime:
    """Read an ISO instant with its offset from UTC. Raises: ValueError."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return instant
