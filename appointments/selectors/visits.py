"""Which appointments may somebody see?"""

import uuid
from collections.abc import Collection
from datetime import datetime

from django.db.models import Count, Prefetch
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from appointments.choices import AppointmentState
from appointments.models import Appointment, AppointmentQuerySet
from medbook.errors import Missing
from members.models import FamilyLink, Member, Patient


def of_member(member: Member) -> AppointmentQuerySet:
    """List what a member has booked, with everything that a page or answer says about it."""
    return with_details(Appointment.objects.filter(member=member))


def with_names(member: Member, appointments: AppointmentQuerySet) -> AppointmentQuerySet:
    """Fetch along what a member calls the patients, in one more query."""
    return appointments.prefetch_related(names_of_booker(member))


def names_of_booker(member: Member, links: str = "patient__links") -> Prefetch:
    """Fetch what a member calls the patients of rows, in one query beside theirs."""
    names = FamilyLink.objects.filter(member=member).select_related("patient")
    return Prefetch(links, names, to_attr="links_of_booker")


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


def has_open_visit(member: Member | None, patient: Patient, now: datetime) -> bool:
    """Tell whether a patient has a visit to come or under way, booked by a member or by anybody.

    For settings.PATIENT_IN_USE. A hold that has run out is in nobody's way.
    """
    rows = Appointment.objects.live().filter(patient=patient)
    rows = rows.exclude(state=AppointmentState.HELD, hold_expires_at__lte=now)
    return (rows.filter(member=member) if member else rows).exists()


def own_appointment(member: Member, uid: uuid.UUID) -> Appointment:
    """Find a member's appointment. Raises: Missing, also for a stranger's."""
    return _found(of_member(member).filter(uid=uid))


def shown_appointment(member: Member, reference: str) -> Appointment:
    """Find a member's appointment to be shown on a page. Raises: Missing, also for a stranger's."""
    return _found(with_names(member, of_member(member)).filter(reference=reference))


def _found(appointments: AppointmentQuerySet) -> Appointment:
    appointment = appointments.first()
    if appointment is None:
        raise Missing()
    return appointment


def visits_under_way(member: Member) -> str | Promise | None:
    """Say that a member has visits that are not over, if so."""
    if Appointment.objects.live().filter(member=member).exists():
        return _("You have appointments that are not over. Cancel them, or wait until they are.")
    return None


def places_used_up(schedule_ids: Collection[int]) -> dict[int, int]:
    """Count the places in which somebody was seen or missed, by the key of the schedule. One query.

    A visit that is over leaves its place blocked, like one that staff has closed.
    """
    over = (AppointmentState.COMPLETED, AppointmentState.NO_SHOW)
    visits = Appointment.objects.filter(slot__schedule__in=list(schedule_ids), state__in=over)
    return dict(visits.values_list("slot__schedule").annotate(count=Count("slot", distinct=True)))


def references_in(slot_ids: Collection[int]) -> list[str]:
    """List the live appointments in places, by reference. One query."""
    live = Appointment.objects.live().filter(slot__in=list(slot_ids))
    return list(live.order_by("starts_at", "id").values_list("reference", flat=True))
