"""Short ways to leave in tests."""

from appointments.services.leave import Absence, confirm_leave, draft_leave
from medbook import clock
from medbook.jobs.services import run_due_jobs
from scheduling.choices import LeaveReason
from tests.factories import DoctorFactory, UserFactory, schedule_with_slots


def absence_over(session, *, until=None, note=""):
    """Say that the doctor of a session is away all of it, or until an instant."""
    ends_at = until or session.ends_at
    return Absence(session.doctor, session.starts_at, ends_at, LeaveReason.ILLNESS, note)


def drafted(session, **absence):
    """Prepare a leave over a session."""
    by = UserFactory(is_staff=True)
    return draft_leave(absence=absence_over(session, **absence), by=by, now=clock.now())


def confirm(leave, *, version=None):
    """Confirm a leave as the scheduler does."""
    return confirm_leave(
        leave_uid=leave.uid,
        version=version or leave.version,
        reason="The doctor has called.",
        by=UserFactory(is_staff=True),
        now=clock.now(),
    )


def confirmed(session, *, run=True, **absence):
    """Confirm a leave over a session, and let the job run."""
    leave = confirm(drafted(session, **absence))
    if run:
        run_due_jobs(now=clock.now())
        leave.refresh_from_db()
    return leave


def colleague_session(session, count, **fields):
    """Let another doctor of the same department sit at the same time, a place every 20 minutes."""
    doctor = {
        name.removeprefix("doctor__"): fields.pop(name)
        for name in list(fields)
        if name.startswith("doctor__")
    }
    return schedule_with_slots(
        count, doctor=DoctorFactory(department=session.department, **doctor), **fields
    )
