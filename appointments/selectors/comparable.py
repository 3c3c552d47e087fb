"""Which free places can stand in for visits that the clinic takes away?"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

from django.db.models import Count, Q

from appointments.models import Appointment
from appointments.rules.comparable import LEAD, Seat, is_comparable, nearness
from appointments.rules.half_days import half_day_of
from appointments.selectors.terms import Terms
from scheduling.models import Schedule, Slot


@dataclass(frozen=True)
class FreeStart:
    """One start of a schedule with free places, all reserved alike; equal ones are one start."""

    schedule: Schedule
    starts_at: datetime
    ends_at: datetime
    reserved_rank: int | None
    reserved_until: datetime | None
    places: int

    @cached_property
    def seat(self) -> Seat:
        """What is compared of it."""
        return _seat(self.starts_at, self.schedule.time_zone, self.schedule, self.schedule.fee)

    def is_open_to(self, terms: Terms, now: datetime) -> bool:
        """Tell whether a reader may book it now."""
        is_mine = (
            self.reserved_rank is None
            or self.reserved_until is None
            or self.reserved_until <= now
            or self.reserved_rank <= terms.booker.rank
        )
        return is_mine and terms.is_open(self.schedule, now)


def free_starts(department_ids: Iterable[int], now: datetime) -> list[FreeStart]:
    """List what is free in departments, soon enough to get there. Two queries."""
    coming = Slot.objects.free().filter(
        Q(returns_at__isnull=True) | Q(returns_at__lte=now),
        schedule__in=Schedule.objects.published().filter(
            department__in=list(department_ids),
            service_date__gte=(now - timedelta(days=1)).date(),
        ),
        starts_at__gt=now + LEAD,
    )
    alike = ("schedule_id", "starts_at", "ends_at", "reserved_rank", "reserved_until")
    rows = list(coming.values(*alike).annotate(places=Count("id")).order_by("starts_at"))
    sessions = Schedule.objects.select_related("doctor", "department__clinic")
    by_id = sessions.in_bulk({row["schedule_id"] for row in rows})
    return [
        FreeStart(schedule=by_id[row.pop("schedule_id")], **row)
        for row in rows
        if row["schedule_id"] in by_id
    ]


def stand_ins(
    visit: Appointment,
    starts: Iterable[FreeStart],
    terms: Terms,
    now: datetime,
    *,
    others: Sequence[Appointment],
) -> list[FreeStart]:
    """List the starts that can stand in for a visit, the best first. No query.

    `others` are the patient's other live visits, with which none may collide.
    """
    lost = _seat(visit.starts_at, visit.time_zone, visit, visit.fee)
    fitting = [
        (nearness(lost, seat), start)
        for start in starts
        if start.schedule.department_id == visit.department_id
        and is_comparable(lost, seat := start.seat)
        and start.is_open_to(terms, now)
        and not _collides(start, others)
    ]
    fitting.sort(key=lambda pair: (*pair[0], pair[1].schedule.pk))
    return [start for _nearness, start in fitting]


def live_visits_of_patients(patient_ids: Iterable[int]) -> dict[int, list[Appointment]]:
    """Find what else patients have, by patient. One query."""
    found: dict[int, list[Appointment]] = defaultdict(list)
    for visit in Appointment.objects.live().filter(patient__in=list(patient_ids)):
        found[visit.patient_id].append(visit)
    return found


def _seat(starts_at: datetime, zone: str, of: Schedule | Appointment, fee: Decimal) -> Seat:
    return Seat(starts_at, half_day_of(starts_at, zone), of.doctor.title, fee)


def _collides(start: FreeStart, others: Iterable[Appointment]) -> bool:
    """Tell whether a patient could not have this place beside another visit."""
    session = start.schedule
    return any(
        (other.starts_at < start.ends_at and start.starts_at < other.ends_at)
        or (
            other.service_date == session.service_date
            and (
                other.doctor_id == session.doctor_id
                or other.limited_department_id == session.department_id
            )
        )
        for other in others
    )
