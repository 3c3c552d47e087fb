"""Which free places can stand in for visits that the clinic takes away?"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property, partial
from heapq import merge
from itertools import islice

from django.db.models import Count, Q

from appointments.models import Appointment
from appointments.rules.comparable import LEAD, Seat, is_comparable, share
from appointments.rules.half_days import half_day_of
from appointments.selectors.terms import Terms
from scheduling.models import Schedule, Slot


@dataclass(frozen=True, eq=False)
class FreeStart:
    """One start of a schedule with free places, all reserved alike."""

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


@dataclass(frozen=True)
class Wish:
    """A visit that is taken away, on what terms its member books, and what else the patient has."""

    visit: Appointment
    terms: Terms
    others: Sequence[Appointment]

    @cached_property
    def seat(self) -> Seat:
        """What is compared of it."""
        return _seat(self.visit.starts_at, self.visit.time_zone, self.visit, self.visit.fee)


class Stock:
    """What is free for many visits, and what is left after each was given its share.

    Read once: what others take meanwhile is seen when a place is claimed.
    """

    def __init__(self, starts: Iterable[FreeStart], now: datetime) -> None:
        self._now = now
        self._left = {start: start.places for start in starts}
        self._fitting: dict[Hashable, dict[str, _Line]] = {}

    def places_for(self, wish: Wish) -> int:
        """Count the places left that can stand in for a visit."""
        lines = self._lines(wish).values()
        return sum(self._left[start] for line in lines for start in self._of(line.starts, wish))

    def nearest(self, wish: Wish) -> Iterator[FreeStart]:
        """Go through the starts with a place left that can stand in, the best first."""
        at, half = wish.seat.starts_at, wish.seat.half_day
        lines = self._lines(wish)
        same = [lines[half].outward(at)] if half in lines else []
        other = [line.outward(at) for name, line in lines.items() if name != half]
        for group in (same, other):
            yield from self._of(merge(*group, key=partial(_distance, at)), wish)

    def take(self, start: FreeStart) -> None:
        """Note that one place of a start is given away."""
        self._left[start] -= 1

    def give(self, wish: Wish, waiting: int) -> list[FreeStart]:
        """Give a visit, one of so many that wait, its share."""
        given = list(islice(self.nearest(wish), share(self.places_for(wish), waiting)))
        for start in given:
            self.take(start)
        return given

    def _of(self, starts: Iterable[FreeStart], wish: Wish) -> Iterator[FreeStart]:
        return (
            start
            for start in starts
            if self._left[start] > 0 and not (wish.others and _collides(start, wish.others))
        )

    def _lines(self, wish: Wish) -> dict[str, "_Line"]:
        """Sort what fits by half-day, once for all visits that are alike in what is asked."""
        seat, terms = wish.seat, wish.terms
        department = wish.visit.department_id
        alike = (department, seat.title, seat.fee, terms.booker, terms.early_minutes)
        if alike not in self._fitting:
            by_half: dict[str, list[FreeStart]] = defaultdict(list)
            for start in self._left:
                if (
                    start.schedule.department_id == department
                    and is_comparable(seat, start.seat)
                    and start.is_open_to(terms, self._now)
                ):
                    by_half[start.seat.half_day].append(start)
            self._fitting[alike] = {half: _Line(starts) for half, starts in by_half.items()}
        return self._fitting[alike]


class _Line:
    """Starts in order of time, to be gone through from any instant outwards."""

    def __init__(self, starts: Iterable[FreeStart]) -> None:
        self.starts = sorted(starts, key=lambda start: (start.starts_at, start.schedule.pk))
        self._times = [start.starts_at for start in self.starts]

    def outward(self, at: datetime) -> Iterator[FreeStart]:
        """Go through the starts from an instant on in both directions, the nearest first."""
        border = bisect_left(self._times, at)
        before = reversed(self.starts[:border])
        return merge(before, self.starts[border:], key=partial(_distance, at))


def _distance(at: datetime, start: FreeStart) -> tuple[timedelta, datetime]:
    return abs(start.starts_at - at), start.starts_at


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
