"""How do the bank and the merchant know each other's messages?

The merchant signs method, path, time stamp and nonce, each with a line feed, and the body; the bank
all but method and path. An answer repeats the nonce of its request, so that no older answer fits.
"""

import re
import secrets
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest

from medbook.encryption import signing

LARGEST_SKEW = 300  # seconds
TIMESTAMP = re.compile(r"[0-9]{1,12}")
NONCE = re.compile(r"[0-9a-f]{16,64}")


def is_from_merchant(request: HttpRequest, *, now: datetime) -> bool:
    """Tell whether the merchant signed just this request, and lately."""
    stamp, nonce = request.headers.get("Sandbox-Timestamp", ""), nonce_of(request)
    if not nonce or not TIMESTAMP.fullmatch(stamp):
        return False
    if abs(now.timestamp() - int(stamp)) > LARGEST_SKEW:
        return False
    head = f"{request.method}\n{request.path}\n{stamp}\n{nonce}\n".encode()
    return signing.is_signed(
        head + request.body,
        request.headers.get("Sandbox-Signature", ""),
        signing.public_key(settings.SANDBOX_MERCHANT_KEY),
    )


def nonce_of(request: HttpRequest) -> str:
    """Return the nonce of a request, or nothing where it is none."""
    nonce = request.headers.get("Sandbox-Nonce", "")
    return nonce if NONCE.fullmatch(nonce) else ""


def signed_headers(
    body: bytes, *, now: datetime, nonce: str = "", is_forged: bool = False
) -> dict[str, str]:
    """Sign a body as the bank; as somebody who has not got its key, where that is wanted."""
    key = secrets.token_bytes(32) if is_forged else settings.SANDBOX_GATEWAY_KEY
    stamp, nonce = str(int(now.timestamp())), nonce or secrets.token_hex(16)
    return {
        "Content-Type": "application/json",
        "Sandbox-Timestamp": stamp,
        "Sandbox-Nonce": nonce,
        "Sandbox-Signature": signing.sign(f"{stamp}\n{nonce}\n".encode() + body, key),
    }
