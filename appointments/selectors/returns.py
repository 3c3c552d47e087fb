"""Is a visit the return visit of one that was charged?"""

from datetime import date, timedelta

from appointments.choices import AppointmentState
from appointments.models import Appointment
from members.models import Patient
from scheduling.models import Department


def is_free_return(patient: Patient, department: Department, day: date) -> bool:
    """Tell whether a patient is not charged again for a visit on this day.

    That is so within the department's days after a visit there that was completed and charged: a
    free visit begins no new period. No query where the department gives no such days, else one.
    """
    if not department.free_return_days:
        return False
    earlier = Appointment.objects.filter(
        patient=patient,
        department=department,
        state=AppointmentState.COMPLETED,
        is_free_return=False,
        service_date__lte=day,
        service_date__gte=day - timedelta(days=department.free_return_days),
    )
    return earlier.exists()
