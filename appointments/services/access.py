"""Who may act on an appointment, and how is it locked?"""

from appointments.models import Appointment, AppointmentQuerySet
from medbook.errors import Missing
from medbook.locks import Rung, lock
from members.models import User
from scheduling.models import Slot
from scheduling.services.slots import lock_slots


def require_may_act(appointment: Appointment, by: User) -> None:
    """Refuse anybody but the member who booked, and staff. Raises: Missing.

    The doors decide which staff; this stands behind them.
    """
    if not by.is_staff and appointment.member.user_id != by.pk:
        raise Missing()


def lock_with_place(found: AppointmentQuerySet) -> tuple[Appointment, Slot]:
    """Lock the place of an appointment, then the appointment itself. Raises: Missing.

    It may move to another place while we wait for the one it had, so its place is read again: under
    the lock of its place nobody can move it.
    """
    slot_id = _slot_id(found)
    while True:
        [slot] = lock_slots([slot_id])
        if (now_at := _slot_id(found)) == slot_id:
            return lock(found, Rung.APPOINTMENT).get(), slot
        slot_id = now_at


def _slot_id(found: AppointmentQuerySet) -> int:
    slot_id = found.values_list("slot_id", flat=True).first()
    if slot_id is None:
        raise Missing()
    return slot_id
