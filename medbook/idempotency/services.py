"""Has this request already had its effect?"""

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.audit.services import Identified
from medbook.errors import InProgress, Refused
from medbook.idempotency.models import IdempotencyKey
from medbook.locks import require_transaction

KEPT = timedelta(days=7)


class IdempotencyKeyReused(Refused):
    """The key came before with another request."""

    message = _("This idempotency key was used before for a different request.")


@dataclass
class Attempt:
    """One run of a request: what an earlier one made, or what this one makes."""

    earlier_uid: uuid.UUID | None = None
    made_uid: uuid.UUID | None = None

    def remember(self, made: Identified) -> None:
        """Note the object that this request made."""
        self.made_uid = made.uid


@contextmanager
def once(
    principal: Identified, endpoint: str, key: str, request: Mapping[str, Any]
) -> Iterator[Attempt]:
    """Let a request have its effect once; a refusal leaves no trace and may be tried again.

    The effect and its note are one transaction.
    Raises: InProgress while the same request runs, IdempotencyKeyReused for another request.
    """
    require_transaction()
    digest = request_hash(request)
    if not _claimed(principal.uid, endpoint, key):
        raise InProgress()
    earlier = IdempotencyKey.objects.filter(
        principal_uid=principal.uid, endpoint=endpoint, key=key
    ).first()
    if earlier and bytes(earlier.request_hash) != digest:
        raise IdempotencyKeyReused()
    attempt = Attempt(earlier_uid=earlier.object_uid if earlier else None)
    yield attempt
    if attempt.made_uid is not None:
        IdempotencyKey.objects.create(
            principal_uid=principal.uid,
            endpoint=endpoint,
            key=key,
            request_hash=digest,
            object_uid=attempt.made_uid,
            created_at=clock.now(),
        )


def request_hash(request: Mapping[str, Any]) -> bytes:
    """Hash what was asked, whatever the order of its fields."""
    said = json.dumps(request, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(said.encode()).digest()


def forget_old_keys(*, now: datetime) -> int:
    """Delete the keys that are older than 7 days; tell how many."""
    return IdempotencyKey.objects.filter(created_at__lt=now - KEPT).delete()[0]


def _claimed(principal_uid: uuid.UUID, endpoint: str, key: str) -> bool:
    """Take the advisory lock of a key for this transaction, without waiting."""
    named = f"{principal_uid}|{endpoint}|{key}".encode()
    number = int.from_bytes(hashlib.sha256(named).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])
