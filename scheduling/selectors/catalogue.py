"""What do pages, the API and other apps ask about clinics, doctors and schedules?"""

import uuid
from datetime import date, datetime

from django.db.models import Exists, OuterRef, QuerySet

from medbook import databases
from scheduling.models import Clinic, Department, Doctor, Schedule, ScheduleQuerySet, Slot
from scheduling.models.catalogue import DoctorQuerySet
from scheduling.rules.sessions import Booker


def schedules_in_full() -> ScheduleQuerySet:
    """Read schedules with everything that a page or an answer says about them, in one query."""
    return Schedule.objects.select_related(
        "doctor", "department__clinic", "room", "visit_type", "template"
    )


def clinics() -> QuerySet[Clinic]:
    """List the clinics that are open to members."""
    return Clinic.objects.using(databases.catalogue()).filter(is_active=True)


def departments() -> QuerySet[Department]:
    """List the departments that are open to members."""
    return (
        Department.objects.using(databases.catalogue())
        .filter(is_active=True, clinic__is_active=True)
        .select_related("clinic")
    )


def doctors(
    *,
    now: datetime,
    department_uid: uuid.UUID | None = None,
    text: str = "",
    available_from: date | None = None,
    available_to: date | None = None,
) -> DoctorQuerySet:
    """List the doctors whom members may see; with dates, those with a free place on sale then."""
    found = (
        Doctor.objects.using(databases.catalogue())
        .shown()
        .matching(text)
        .select_related("department__clinic")
    )
    if department_uid:
        found = found.filter(department__uid=department_uid)
    if available_from or available_to:
        sessions = Schedule.objects.bookable(now).filter(
            Exists(Slot.objects.open_to(Booker(), now).filter(schedule=OuterRef("pk"))),
            doctor=OuterRef("pk"),
        )
        if available_from:
            sessions = sessions.filter(service_date__gte=available_from)
        if available_to:
            sessions = sessions.filter(service_date__lte=available_to)
        found = found.filter(Exists(sessions))
    return found
