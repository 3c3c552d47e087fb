"""In which order are rows locked, and what becomes of a conflict?"""

import functools
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Model, QuerySet

from medbook.errors import DomainError, TryLater, Unavailable

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound=Model)

TRIES = 3
SERIALIZATION_FAILURE, DEADLOCK = "40001", "40P01"
LOCK_TIMEOUT, QUERY_CANCELLED = "55P03", "57014"
# Classes of SQLSTATE that mean: the server is away, starting, stopping, full or out of connections.
AWAY = ("08", "53", "57P", "58")


class Rung(IntEnum):
    """The one order in which rows of different kinds are locked: only ever downwards."""

    APPROVAL = 0
    MEMBER = 1
    PATIENT = 2
    DOCTOR = 3
    SCHEDULE = 4
    SLOT = 5
    OFFER = 6
    WAITLIST = 7
    APPOINTMENT = 8
    INVOICE = 9
    SETTLEMENT = 10
    PAYMENT = 11
    QUARANTINE = 12
    RECEIPT_COUNTER = 13
    MESSAGE = 14


class LockOrderBroken(AssertionError):
    """A row was to be locked after one that comes later in the order."""


_reached: ContextVar[int] = ContextVar("lock_rung", default=0)


def lock(rows: QuerySet[M], rung: Rung, *, skip_locked: bool = False) -> QuerySet[M]:
    """Lock rows without colliding with the key-share locks of foreign keys.

    Rows of one rung are locked in the order of the query, which should be by id. What skips
    locked rows never waits, so it cannot deadlock and may come at any rung.
    Raises: LockOrderBroken.
    """
    require_transaction()
    if not skip_locked:
        if rung < _reached.get():
            raise LockOrderBroken(f"{rung.name} after {Rung(_reached.get()).name}")
        _reached.set(rung)
    return rows.select_for_update(of=("self",), no_key=True, skip_locked=skip_locked)


def require_transaction() -> None:
    """Raise unless a transaction is open: a lock outside one guards nothing."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A transaction must be open here.")


def sqlstate(error: BaseException) -> str:
    """Tell the SQLSTATE behind a database error, or ''."""
    cause = error.__cause__
    return (cause.sqlstate or "") if isinstance(cause, psycopg.Error) else ""


def is_away(error: BaseException) -> bool:
    """Tell whether a database error means that the server cannot serve now."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    state = cause.sqlstate or ""
    return not state or state.startswith(AWAY)


def as_refusal(error: DatabaseError) -> DomainError | None:
    """Translate contention and absence of the database; None for anything that is a bug."""
    state = sqlstate(error)
    if state == LOCK_TIMEOUT:
        return TryLater()
    if state in (SERIALIZATION_FAILURE, DEADLOCK, QUERY_CANCELLED) or is_away(error):
        return Unavailable(retry_after=5)
    return None


def retry_on_conflict(use_case: Callable[P, R]) -> Callable[P, R]:
    """Run a use case again, up to 3 times, after a deadlock or a serialization failure.

    Goes outside the durable transaction. Each try starts at the top of the lock order.
    """

    @functools.wraps(use_case)
    def with_retries(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(1, TRIES + 1):
            token = _reached.set(0)
            try:
                return use_case(*args, **kwargs)
            except DatabaseError as error:
                if sqlstate(error) not in (SERIALIZATION_FAILURE, DEADLOCK) or attempt == TRIES:
                    raise
            finally:
                _reached.reset(token)
            time.sleep(random.uniform(0, 0.02 * attempt))  # noqa: S311 (jitter, not a secret)
        raise AssertionError("unreachable")

    return with_retries


@contextmanager
def conflict_as(refusals: Mapping[str, Callable[[], DomainError]]) -> Iterator[None]:
    """Turn the breach of a named constraint into its refusal; let any other fly."""
    try:
        with transaction.atomic():  # a savepoint: the outer transaction stays usable
            yield
    except IntegrityError as clash:
        refusal = refusals.get(broken_constraint(clash))
        if refusal is None:
            raise
        raise refusal() from clash


def broken_constraint(clash: BaseException) -> str:
    """Name the constraint that a database error says was broken, or ''."""
    cause: Any = clash.__cause__
    return (cause.diag.constraint_name or "") if isinstance(cause, psycopg.Error) else ""
