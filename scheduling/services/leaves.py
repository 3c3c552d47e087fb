"""Does a doctor sit then? Asked under the doctor's lock by all who plan, publish or call off."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import QuerySet

from medbook.locks import Rung, lock
from scheduling.errors import DoctorOnLeave
from scheduling.models import Doctor, Leave, Schedule, Slot
from scheduling.models.schedules import BINDING


def lock_doctors(doctor_ids: Iterable[int]) -> None:
    """Lock doctors in the order of their ids, so that leaves and schedules do not cross."""
    list(lock(Doctor.objects.filter(pk__in=list(doctor_ids)).order_by("id"), Rung.DOCTOR))


def require_no_leave(schedule: Schedule) -> None:
    """Refuse a session while its doctor is away. Raises: DoctorOnLeave."""
    away = _away(schedule.doctor_id, schedule.starts_at, schedule.ends_at)
    if found := away.first():
        raise DoctorOnLeave(
            starts_at=found.starts_at, ends_at=found.ends_at, zone=schedule.time_zone
        )


def is_sat(slot: Slot) -> bool:
    """Tell whether the doctor sits at a place's time: the session stands, and no leave does."""
    return bool(sat([slot]))


def sat(slots: Collection[Slot]) -> list[Slot]:
    """Keep the places of one session at whose time the doctor sits. One query."""
    schedule = next((slot.schedule for slot in slots), None)
    if schedule is None or schedule.state not in BINDING:
        return []
    until = max(slot.ends_at for slot in slots)
    away = list(_away(schedule.doctor_id, min(slot.starts_at for slot in slots), until))
    return [
        slot
        for slot in slots
        if not any(one.starts_at < slot.ends_at and slot.starts_at < one.ends_at for one in away)
    ]


def _away(doctor_id: int, starts_at: datetime, ends_at: datetime) -> QuerySet[Leave]:
    return Leave.objects.standing().filter(
        doctor=doctor_id, starts_at__lt=ends_at, ends_at__gt=starts_at
    )
