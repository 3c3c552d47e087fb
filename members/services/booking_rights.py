"""Who may book for whom, read under the locks that make the answer hold?"""

from medbook.locks import Rung, lock
from members.models import Member, Patient


def lock_booker(member: Member, patient: Patient) -> tuple[Member, Patient]:
    """Lock a member, then a patient, and return both as they are now.

    Whoever books in the name of either waits here, so limits counted afterwards hold.
    """
    # Without the tier: a join would find nobody where the tier changes while we wait.
    members = Member.objects.select_related("user").filter(pk=member.pk)
    patients = Patient.objects.filter(pk=patient.pk)
    return lock(members, Rung.MEMBER).get(), lock(patients, Rung.PATIENT).get()
