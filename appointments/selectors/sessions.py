"""Which sessions may a caller of the API see, and what are they to that caller?"""

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from appointments.selectors.free_times import remaining
from appointments.selectors.terms import Terms
from scheduling.choices import SaleState, ScheduleState
from scheduling.models import Schedule, ScheduleQuerySet, Slot


@dataclass(frozen=True)
class SessionFilters:
    """What a caller looks for; what is None is not asked about. `last_day` is included."""

    doctor: uuid.UUID | None = None
    department: uuid.UUID | None = None
    first_day: date | None = None
    last_day: date | None = None
    state: SaleState | None = None


def seen_sessions(
    filters: SessionFilters, terms: Terms, now: datetime, *, using: str
) -> QuerySet[Schedule]:
    """Keep the sessions that fit, each with its number of free places to come as `remaining`.

    Without a first day: those that are not over. One query.
    """
    rows = Schedule.objects.using(using).exclude(state=ScheduleState.DRAFT)
    if filters.first_day:
        rows = rows.filter(service_date__gte=filters.first_day)
    else:
        rows = _not_over(rows, now)
    if filters.last_day:
        rows = rows.filter(service_date__lte=filters.last_day)
    if filters.doctor:
        rows = rows.filter(doctor__uid=filters.doctor)
    if filters.department:
        rows = rows.filter(department__uid=filters.department)
    if filters.state:
        rows = rows.filter(_in_state(filters.state, terms, now))
    return rows.select_related("doctor", "department__clinic", "room").annotate(
        remaining=remaining(terms.booker, now)
    )


def _not_over(rows: ScheduleQuerySet, now: datetime) -> ScheduleQuerySet:
    yesterday = (now - timedelta(days=1)).date()  # lets the index skip what is long over
    return rows.filter(ends_at__gt=now, service_date__gte=yesterday)


def _in_state(state: SaleState, terms: Terms, now: datetime) -> Q:
    """Write scheduling.rules.sale_state as a condition; a test holds the two together."""
    to_come = Q(state=ScheduleState.PUBLISHED, ends_at__gt=now)
    released = Q(release_at__lte=now + terms.early)
    paused = Q(sale_stops_at__lte=now, same_day_from__gt=now)
    free = Exists(Slot.objects.open_to(terms.booker, now).filter(schedule=OuterRef("pk")))
    on_sale = to_come & released & ~paused
    return {
        SaleState.CALLED_OFF: Q(state=ScheduleState.CALLED_OFF),
        SaleState.UPCOMING: to_come & ~released,
        SaleState.ON_SALE: on_sale & Q(free),
        SaleState.SOLD_OUT: on_sale & ~Q(free),
        SaleState.SALE_OVER: ~Q(state=ScheduleState.CALLED_OFF)
        & (~to_come | (to_come & released & paused)),
    }[state]
