"""Does a doctor sit then? Asked under the doctor's lock by all who plan, publish or call off."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from medbook.locks import Rung, lock
from scheduling.choices import ScheduleState
from scheduling.errors import DoctorOnLeave
from scheduling.models import Doctor, Leave, Schedule, Slot


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
    schedule = slot.schedule
    return (
        schedule.state == ScheduleState.PUBLISHED
        and not _away(schedule.doctor_id, slot.starts_at, slot.ends_at).exists()
    )


def _away(doctor_id: int, starts_at: datetime, ends_at: datetime) -> QuerySet[Leave]:
    return Leave.objects.standing().filter(
        doctor=doctor_id, starts_at__lt=ends_at, ends_at__gt=starts_at
    )
