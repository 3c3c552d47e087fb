"""Who waits for what, and how do their chances look?"""

from appointments.models import WaitlistEntry, WaitlistQuerySet


def same_wishes(entry: WaitlistEntry) -> WaitlistQuerySet:
    """Keep the other open wishes of the same patient for the same target."""
    return (
        WaitlistEntry.objects.open()
        .filter(
            patient=entry.patient_id,
            department=entry.department_id,
            doctor=entry.doctor_id,
            schedule=entry.schedule_id,
        )
        .exclude(pk=entry.pk)
    )
