"""Which missed visits count against a patient? Done after the commit of what causes it.

Handlers of the outbox: they begin at the patient, whom the sweep, which begins at the place, may
not lock. Each looks, under that lock, at how the visit is by then.
"""

import uuid

from django.db import transaction

from appointments.choices import AppointmentState
from appointments.models import Appointment
from appointments.services.booking import invoice_subject
from appointments.services.missing import is_clinics_cause
from medbook import clock
from medbook.locks import Rung, lock, retry_on_conflict
from members.models import Patient
from members.services.strikes import record_strike, withdraw_strike


@retry_on_conflict
@transaction.atomic
def count_missed_visit(*, appointment_uid: str) -> None:
    """Note a strike, unless the visit was put right meanwhile or the clinic is the cause."""
    visit = _locked_visit(appointment_uid)
    if visit.state != AppointmentState.NO_SHOW or is_clinics_cause(visit):
        return
    record_strike(
        patient_uid=(visit.patient.joined_to or visit.patient).uid,
        reference=invoice_subject(visit),
        occurred_at=visit.starts_at,
        booked_by=visit.member,
        now=clock.now(),
    )


@retry_on_conflict
@transaction.atomic
def forgive_missed_visit(*, appointment_uid: str) -> None:
    """Take the strike back of a visit that was not missed after all."""
    visit = _locked_visit(appointment_uid)
    if visit.state != AppointmentState.NO_SHOW:
        withdraw_strike(reference=invoice_subject(visit), now=clock.now())


def _locked_visit(uid: str) -> Appointment:
    """Lock the patient, then read the visit: what undoes it comes here after its own commit."""
    rows = Appointment.objects.filter(uid=uuid.UUID(uid))
    patient_id = rows.values_list("patient_id", flat=True).get()
    patient = Patient.objects.select_related("joined_to").get(pk=patient_id)
    locked = patient.joined_to_id or patient.pk
    lock(Patient.objects.filter(pk=locked), Rung.PATIENT).get()
    details = ("member", "patient__joined_to", "slot__schedule")
    return rows.select_related(*details).get()
