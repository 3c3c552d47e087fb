"""How does a schedule get its places?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from medbook.locks import require_transaction
from members.selectors.tiers import allowed_by_rank
from scheduling.models import Schedule
from scheduling.rules import reserves
from scheduling.rules import sessions as rules
from scheduling.rules.sessions import Place

INSERT = """
INSERT INTO scheduling_slot
  (uid, schedule_id, number, starts_at, ends_at, reserved_rank, reserved_until, state)
SELECT gen_random_uuid(), place.*, 'free'
FROM unnest(%s::bigint[], %s::smallint[], %s::timestamptz[], %s::timestamptz[],
  %s::smallint[], %s::timestamptz[]) AS place
"""


@dataclass(frozen=True)
class Kept:
    """Which numbers of a schedule are kept for which rank, and until when."""

    ranks: Mapping[int, int]
    until: datetime | None = None

    def of(self, number: int) -> tuple[int | None, datetime | None]:
        """Tell for whom a number is kept and until when; twice None for a place of all."""
        rank = self.ranks.get(number)
        return (rank, self.until) if rank is not None else (None, None)


NOTHING_KEPT = Kept({})


def make_slots(schedules: Iterable[Schedule], *, now: datetime) -> int:
    """Write all places of new schedules in one statement; tell how many.

    Those that the front desk and the tiers keep are marked: docs/flows/rosters.md.
    """
    shares = allowed_by_rank("reserved_quota_share", now)
    rows: list[tuple[Schedule, Place, Kept]] = []
    for schedule in schedules:
        kept = _kept(schedule, shares)
        rows += ((schedule, place, kept) for place in places_of(schedule))
    return _write(rows)


def add_places(schedule: Schedule, count: int, first_number: int) -> int:
    """Write more places of a schedule from a number on, kept for nobody; tell how many."""
    more = places_of(schedule, count=count, first_number=first_number)
    return _write([(schedule, place, NOTHING_KEPT) for place in more])


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


def _kept(schedule: Schedule, shares: Mapping[int, Decimal]) -> Kept:
    count = schedule.max_appointments
    sizes = reserves.reserve_sizes(count, schedule.desk_places, shares)
    until = reserves.reserved_until(
        schedule.service_date,
        schedule.time_zone,
        schedule.department.reserve_rules,
        release_at=schedule.release_at,
        sale_stops_at=schedule.sale_stops_at,
    )
    if not sizes or until is None:
        return NOTHING_KEPT
    return Kept(reserves.reserved_numbers(range(1, count + 1), sizes), until)


def _write(rows: list[tuple[Schedule, Place, Kept]]) -> int:
    require_transaction()
    columns = [
        (schedule.pk, place.number, place.starts_at, place.ends_at, *kept.of(place.number))
        for schedule, place, kept in rows
    ]
    if columns:
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [list(column) for column in zip(*columns, strict=True)])
    return len(columns)
