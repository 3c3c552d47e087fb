"""Does a doctor sit then? Asked under the doctor's lock by all who plan, publish or call off."""

from collections.abc import Iterable

from medbook.locks import Rung, lock
from scheduling.errors import DoctorOnLeave
from scheduling.models import Doctor, Leave, Schedule


def lock_doctors(doctor_ids: Iterable[int]) -> None:
    """Lock doctors in the order of their ids, so that leaves and schedules do not cross."""
    list(lock(Doctor.objects.filter(pk__in=list(doctor_ids)).order_by("id"), Rung.DOCTOR))


def require_no_leave(schedule: Schedule) -> None:
    """Refuse a session while its doctor is away. Raises: DoctorOnLeave."""
    away = Leave.objects.standing().filter(
        doctor=schedule.doctor_id,
        starts_at__lt=schedule.ends_at,
        ends_at__gt=schedule.starts_at,
    )
    if found := away.first():
        raise DoctorOnLeave(
            starts_at=found.starts_at, ends_at=found.ends_at, zone=schedule.time_zone
        )
