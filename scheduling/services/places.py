"""How does a schedule get its places?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db import connection

from medbook.locks import require_transaction
from members.selectors.tiers import allowed_by_rank
from scheduling.models import Schedule
from scheduling.rules import reserves
from scheduling.rules import sessions as rules

# Sessions of one shape have the same places, so that a night's few shapes are sent once each.
INSERT = """
INSERT INTO scheduling_slot
  (uid, schedule_id, number, starts_at, ends_at, reserved_rank, reserved_until, state)
SELECT gen_random_uuid(), session.id, place.number,
  session.starts_at + place.start * interval '1 microsecond',
  session.starts_at + place.until * interval '1 microsecond',
  place.rank, CASE WHEN place.rank IS NOT NULL THEN session.reserved_until END, 'free'
FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::int[])
  AS session (id, starts_at, reserved_until, shape)
JOIN unnest(%s::int[], %s::smallint[], %s::bigint[], %s::bigint[], %s::smallint[])
  AS place (shape, number, start, until, rank) USING (shape)
"""
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Shape:
    """What of a session says how its places lie: two with the same have the same places."""

    duration: timedelta
    length: timedelta
    pause: timedelta
    count: int
    first_number: int
    kept: tuple[tuple[int, int], ...]  # rank and how many


def make_slots(schedules: Iterable[Schedule], *, now: datetime) -> int:
    """Write all places of new schedules in one statement; tell how many.

    Those that the front desk and the tiers keep are marked: docs/flows/rosters.md.
    """
    shares = allowed_by_rank("reserved_quota_share", now)
    sessions = []
    for schedule in schedules:
        until = _reserved_until(schedule)
        kept = _sizes(schedule, shares) if until else ()
        sessions.append((schedule, until, _shape(schedule, kept=kept)))
    return _write(sessions)


def add_places(schedule: Schedule, count: int, first_number: int) -> int:
    """Write more places of a schedule from a number on, kept for nobody; tell how many."""
    return _write([(schedule, None, _shape(schedule, count=count, first_number=first_number))])


def _shape(
    schedule: Schedule,
    *,
    count: int | None = None,
    first_number: int = 1,
    kept: tuple[tuple[int, int], ...] = (),
) -> Shape:
    return Shape(
        duration=schedule.ends_at - schedule.starts_at,
        length=schedule.visit_type.length,
        pause=schedule.visit_type.pause,
        count=schedule.max_appointments if count is None else count,
        first_number=first_number,
        kept=kept,
    )


def _sizes(schedule: Schedule, shares: Mapping[int, Decimal]) -> tuple[tuple[int, int], ...]:
    sizes = reserves.reserve_sizes(schedule.max_appointments, schedule.desk_places, shares)
    return tuple(sizes)


def _reserved_until(schedule: Schedule) -> datetime | None:
    return reserves.reserved_until(
        schedule.service_date,
        schedule.time_zone,
        schedule.department.reserve_rules,
        release_at=schedule.release_at,
        sale_stops_at=schedule.sale_stops_at,
    )


def _places(shape: Shape) -> list[tuple[int, int, int, int | None]]:
    """Work out a shape's places: number, start and end after the session's start in µs, rank."""
    places = rules.slot_times(
        starts_at=EPOCH,
        ends_at=EPOCH + shape.duration,
        count=shape.count,
        length=shape.length,
        pause=shape.pause,
        first_number=shape.first_number,
    )
    ranks = reserves.reserved_numbers((place.number for place in places), shape.kept)
    tick = timedelta(microseconds=1)
    return [
        (
            place.number,
            (place.starts_at - EPOCH) // tick,
            (place.ends_at - EPOCH) // tick,
            ranks.get(place.number),
        )
        for place in places
    ]


def _write(sessions: list[tuple[Schedule, datetime | None, Shape]]) -> int:
    require_transaction()
    shapes = {shape: number for number, shape in enumerate({shape for *_, shape in sessions})}
    rows = [
        (schedule.pk, schedule.starts_at, until, shapes[shape])
        for schedule, until, shape in sessions
    ]
    places = [(number, *place) for shape, number in shapes.items() for place in _places(shape)]
    if not rows or not places:
        return 0
    columns = [*zip(*rows, strict=True), *zip(*places, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [list(column) for column in columns])
        return int(cursor.rowcount)
