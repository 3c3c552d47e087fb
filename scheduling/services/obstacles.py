"""What else keeps a draft from being published, and what of it needs a reason only?"""

from datetime import timedelta

from django.db.models import F, Sum
from django.utils.formats import number_format

from medbook.errors import Refused
from scheduling.choices import DayKind
from scheduling.errors import AboveWeeklyHours, DoctorInactive, OnHoliday, RoomClosed
from scheduling.models import Schedule
from scheduling.models.schedules import BINDING
from scheduling.rules.sessions import week_of
from scheduling.selectors.calendar import calendar_days

HOUR = timedelta(hours=1)


def require_active_doctor(schedule: Schedule) -> None:
    """Refuse a doctor who no longer works here. Raises: DoctorInactive."""
    if not schedule.doctor.is_active:
        raise DoctorInactive(doctor=str(schedule.doctor))


def require_open_room(schedule: Schedule) -> None:
    """Refuse a room that is no longer in use. Raises: RoomClosed."""
    if not schedule.room.is_active:
        raise RoomClosed(room=str(schedule.room))


def doubts_about(schedule: Schedule) -> list[Refused]:
    """List what a reason lets through; asked under the doctor's lock, so that sums are true."""
    return [doubt for doubt in (_holiday(schedule), _hours(schedule)) if doubt]


def _holiday(schedule: Schedule) -> Refused | None:
    if schedule.department.sits_on_holidays:
        return None
    date = schedule.service_date
    day = calendar_days(schedule.department.clinic, date, date)[date]
    if day.kind != DayKind.HOLIDAY:
        return None
    return OnHoliday(day=date.isoformat(), name=day.name)


def _hours(schedule: Schedule) -> Refused | None:
    limit = schedule.doctor.weekly_hours
    if limit is None:
        return None
    sat: timedelta = Schedule.objects.filter(
        doctor=schedule.doctor_id,
        state__in=BINDING,
        service_date__range=week_of(schedule.service_date),
    ).aggregate(hours=Sum(F("ends_at") - F("starts_at")))["hours"] or timedelta(0)
    hours = (sat + schedule.ends_at - schedule.starts_at) / HOUR
    if hours <= limit:
        return None
    return AboveWeeklyHours(
        doctor=str(schedule.doctor), hours=number_format(round(hours, 1)), limit=limit
    )
