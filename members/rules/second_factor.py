"""When is a code of an authenticator app good, and how long does somebody wait who fails?"""

import base64
import hashlib
import hmac
import struct
from datetime import datetime, timedelta

STEP_SECONDS = 30
DIGITS = 6
STEPS_AROUND = 1  # a phone's clock may be half a minute off
RECOVERY_CODES = 10
FREE_FAILURES = 5
LONGEST_WAIT = timedelta(hours=1)


def code_at(secret: str, step: int) -> str:
    """Compute the code of one time step from a base32 secret. Source: RFC 6238, RFC 4226 §5.3."""
    key = base64.b32decode(secret, casefold=True)
    digest = hmac.digest(key, struct.pack(">Q", step), hashlib.sha1)
    start = digest[-1] & 0x0F
    (number,) = struct.unpack(">I", digest[start : start + 4])
    return f"{(number & 0x7FFFFFFF) % 10**DIGITS:0{DIGITS}d}"


def step_of(instant: datetime) -> int:
    """Tell the time step that an instant lies in."""
    return int(instant.timestamp()) // STEP_SECONDS


def matching_step(secret: str, code: str, *, now: datetime, last_step: int | None) -> int | None:
    """Tell the time step that a code stands for; None if for none, or one used already.

    Source: RFC 6238 §5.2: a code is good once, and no earlier one after it.
    """
    current = step_of(now)
    for step in range(current - STEPS_AROUND, current + STEPS_AROUND + 1):
        is_new = last_step is None or step > last_step
        if is_new and hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            return step
    return None


def wait_until(failures: int, last_failed_at: datetime) -> datetime:
    """Tell until when no further try is heard: doubled from 5 failures on, an hour at most."""
    over = failures - FREE_FAILURES
    if over < 0:
        return last_failed_at
    return last_failed_at + min(LONGEST_WAIT, timedelta(minutes=2 ** min(over, 10)))


def plain_code(text: str) -> str:
    """Read a code as people type it: in groups, in any case, with look-alikes for digits.

    What no code holds gives the empty text, which is never right.
    """
    plain = "".join(text.split()).replace("-", "").upper()
    return plain.translate(str.maketrans("OIL", "011")) if plain.isascii() else ""
