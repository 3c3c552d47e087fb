"""How does a schedule get its places?"""

from collections.abc import Iterable

from django.db import connection

from medbook.locks import require_transaction
from scheduling.models import Schedule
from scheduling.rules import sessions as rules
from scheduling.rules.sessions import Place

INSERT = """
INSERT INTO scheduling_slot (uid, schedule_id, number, starts_at, ends_at, state)
SELECT gen_random_uuid(), place.*, 'free'
FROM unnest(%s::bigint[], %s::smallint[], %s::timestamptz[], %s::timestamptz[]) AS place
"""


def make_slots(schedules: Iterable[Schedule]) -> int:
    """Write all places of new schedules in one statement; tell how many."""
    return write_places(
        (schedule, place) for schedule in schedules for place in places_of(schedule)
    )


def places_of(schedule: Schedule, count: int | None = None, first_number: int = 1) -> list[Place]:
    """Work out a schedule's places: all of them, or `count` more from a number on."""
    return rules.slot_times(
        starts_at=schedule.starts_at,
        ends_at=schedule.ends_at,
        count=schedule.max_appointments if count is None else count,
        length=schedule.visit_type.length,
        pause=schedule.visit_type.pause,
        first_number=first_number,
    )


def write_places(places: Iterable[tuple[Schedule, Place]]) -> int:
    """Insert places as free slots; tell how many."""
    require_transaction()
    rows = [
        (schedule.pk, place.number, place.starts_at, place.ends_at) for schedule, place in places
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [list(column) for column in zip(*rows, strict=True)])
    return len(rows)
