"""How does a code get to a phone, and what becomes of one that is tried?"""

import hashlib
import hmac
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from medbook.encryption import BlindIndexField
from medbook.locks import Rung, lock, require_transaction, retry_on_conflict
from members.choices import Channel, CodePurpose
from members.errors import RateLimited
from members.models import Member, OneTimeCode
from members.rules import codes as rules
from members.services.messages import send_unasked

ONE_AT_A_TIME = int.from_bytes(hashlib.sha256(b"one-time codes").digest()[:8], "big", signed=True)
# What only somebody with an account can use stays in the house for a number without one.
FOR_ACCOUNTS = (CodePurpose.SIGN_IN, CodePurpose.RESET_PASSWORD)
DIGESTS: BlindIndexField[Any, Any] = BlindIndexField(
    label="one_time_code", normalise=lambda *parts: "|".join(parts)
)


@retry_on_conflict
@transaction.atomic(durable=True)
def send_code(*, purpose: CodePurpose, phone: str, network: str, now: datetime) -> None:
    """Send a new code to a phone, which voids the one before; a number unknown costs as much work.

    Codes are sent one at a time over the whole site, so that the limits are exact.
    Raises: RateLimited.
    """
    _one_at_a_time()
    index = index_of(phone)
    if (wait := _wait(index, network, now)) > timedelta(0):
        raise RateLimited(retry_after=max(1, round(wait.total_seconds())))
    has_account = Member.objects.filter(phone_index=phone, user__is_active=True).exists()
    is_live = has_account or purpose not in FOR_ACCOUNTS
    code = f"{secrets.randbelow(10**rules.DIGITS):0{rules.DIGITS}}"
    uid = uuid.uuid4()
    OneTimeCode.objects.create(
        uid=uid,
        purpose=purpose,
        phone_index=index,
        code_digest=_digest(uid, purpose, phone, code),
        network=network,
        created_at=now,
        expires_at=now + rules.GOOD_FOR,
    )
    send_unasked(
        kind="code",
        channel=Channel.SMS,
        recipient=phone,
        facts={"code": code},
        now=now,
        is_live=is_live,
        why="" if is_live else "no_account",
    )


def tried_code(*, purpose: CodePurpose, phone: str, code: str, now: datetime) -> OneTimeCode | None:
    """Count a try in the caller's transaction; return the code if it is right, not yet used.

    The caller commits in either case: a try that is rolled back is a free guess.
    """
    rows = OneTimeCode.objects.filter(purpose=purpose, phone_index=index_of(phone))
    row = lock(rows.order_by("-created_at", "-id"), Rung.MEMBER).first()
    known = bytes(row.code_digest) if row else b""
    said = _digest(row.uid if row else uuid.UUID(int=0), purpose, phone, code)
    if row is None or not rules.is_good(
        expires_at=row.expires_at, tries=row.tries, is_used=row.used_at is not None, now=now
    ):
        return None
    row.tries += 1
    row.save(update_fields=["tries"])
    return row if hmac.compare_digest(known, said) else None


def use(code: OneTimeCode, *, now: datetime) -> None:
    """Note that a right code has done its work, in the caller's transaction."""
    code.used_at = now
    code.save(update_fields=["used_at"])


@transaction.atomic(durable=True)
def forget_old_codes(*, now: datetime) -> int:
    """Delete the codes that no limit looks at any more; tell how many."""
    oldest = now - 2 * max(limit.within for limit in rules.PER_PHONE)
    return OneTimeCode.objects.filter(created_at__lt=oldest).delete()[0]


def index_of(phone: str) -> bytes:
    """Tell the blind index of a number, as members have it."""
    field: Any = Member._meta.get_field("phone_index")
    return bytes(field.digest(phone))


def _digest(uid: uuid.UUID, purpose: CodePurpose, phone: str, code: str) -> bytes:
    return DIGESTS.digest(str(uid), str(purpose), phone, code)


def _one_at_a_time() -> None:
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_AT_A_TIME])


def _wait(index: bytes, network: str, now: datetime) -> timedelta:
    codes = OneTimeCode.objects.order_by("-created_at")
    asked = [
        *((codes.filter(phone_index=index), limit) for limit in rules.PER_PHONE),
        (codes.filter(network=network), rules.PER_NETWORK),
        (codes, rules.site_limit(settings.CODES_PER_HOUR)),
    ]
    return max(rules.wait(limit, _nth_latest(rows, limit.most), now) for rows, limit in asked)


def _nth_latest(rows: QuerySet[OneTimeCode], most: int) -> datetime | None:
    return rows.values_list("created_at", flat=True)[most - 1 : most].first()
