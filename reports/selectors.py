"""What do the numbers of all apps say together, and is the database as it must be?"""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import connections

INVARIANTS = Path(__file__).with_name("invariants.sql")
WHILE_WORKERS_RUN = "-- while workers run\n"
MOST_SHOWN = 20


@dataclass(frozen=True)
class Invariant:
    """One truth about the whole database, and the query for what breaks it."""

    name: str
    sentence: str
    sql: str
    needs_workers: bool


def invariants() -> list[Invariant]:
    """Read the truths from their file."""
    text = INVARIANTS.read_text()
    always, _, while_workers_run = text.partition(WHILE_WORKERS_RUN)
    return [*_read(always, needs_workers=False), *_read(while_workers_run, needs_workers=True)]


def broken_invariants(
    *, now: datetime, workers_run: bool, using: str = "default"
) -> dict[str, list[str]]:
    """Name the truths that do not hold, each with up to 20 rows that break it."""
    broken = {}
    with connections[using].cursor() as cursor:
        for truth in invariants():
            if workers_run or not truth.needs_workers:
                cursor.execute(truth.sql, {"now": now})
                if found := [str(row[0]) for row in cursor.fetchmany(MOST_SHOWN)]:
                    broken[truth.name] = found
    return broken


def _read(text: str, *, needs_workers: bool) -> list[Invariant]:
    parts = re.findall(r"^-- name: (\w+)\n-- (.+)\n((?:.+\n)+)", text, re.MULTILINE)
    return [
        Invariant(name, sentence, sql.strip().rstrip(";"), needs_workers)
        for name, sentence, sql in parts
    ]
