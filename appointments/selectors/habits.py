"""Whom does a member usually book for, and with which doctors?"""

from datetime import datetime

from django.db.models import Max

from appointments.choices import AppointmentState
from appointments.models import Appointment
from appointments.selectors.catalogue import doctors
from members.models import Member, Patient
from members.selectors.people import bookable_patients
from scheduling.models import Doctor

KEPT = (
    AppointmentState.BOOKED,
    AppointmentState.ARRIVED,
    AppointmentState.IN_CONSULTATION,
    AppointmentState.COMPLETED,
)


def usual_patient(member: Member, now: datetime) -> Patient | None:
    """Find for whom a member booked last, else the member. Two queries."""
    patients = bookable_patients(member, now)
    last = (
        Appointment.objects.filter(member=member, state__in=KEPT, patient__in=patients)
        .order_by("-confirmed_at")
        .values_list("patient_id", flat=True)
        .first()
    )
    return next((patient for patient in patients if patient.pk == last), next(iter(patients), None))


def doctors_seen(member: Member, most: int = 3) -> list[Doctor]:
    """List the doctors whom a member booked last, latest first. Two queries."""
    rows = (
        Appointment.objects.filter(member=member, state__in=KEPT)
        .values("doctor_id")
        .annotate(latest=Max("confirmed_at"))
        .order_by("-latest")
    )
    ids = [row["doctor_id"] for row in rows[:most]]
    found = doctors().in_bulk(ids)
    return [found[doctor_id] for doctor_id in ids if doctor_id in found]
