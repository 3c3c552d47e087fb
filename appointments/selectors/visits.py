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


def own_appointment(
    member: Member, *, reference: str | None = None, uid: uuid.UUID | None = None
) -> Appointment:
    """Find a member's appointment by reference or uid. Raises: Missing, also for a stranger's."""
    rows = of_member(member)
    rows = rows.filter(reference=reference) if reference else rows.filter(uid=uid)
    appointment = rows.first()
    if appointment is None:
        raise Missing()
    return appointment
