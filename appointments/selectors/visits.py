"""Which appointments may somebody see?"""

import uuid

from appointments.models import Appointment, AppointmentQuerySet
from medbook.errors import Missing
from members.models import Member


def of_member(member: Member) -> AppointmentQuerySet:
    """List what a member has booked, with everything that a page or answer says about it."""
    return with_details(Appointment.objects.filter(member=member))


def with_details(appointments: AppointmentQuerySet) -> AppointmentQuerySet:
    """Fetch doctor, place, patient and tier along, in one query."""
    return appointments.select_related(
        "doctor",
        "department__clinic",
        "patient",
        "tier",
        "member__user",
        "slot__schedule__room",
        "slot__schedule__visit_type",
    )


def own_appointment(member: Member, **key: uuid.UUID | str) -> Appointment:
    """Find a member's appointment by `uid` or `reference`.

    Raises: Missing, also for a stranger's.
    """
    appointment = of_member(member).filter(**key).first()
    if appointment is None:
        raise Missing()
    return appointment
