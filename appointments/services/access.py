"""May this user act on this appointment?"""

from appointments.models import Appointment
from medbook.errors import Missing
from members.models import User


def require_may_act(appointment: Appointment, by: User) -> None:
    """Refuse anybody but the member who booked, and staff. Raises: Missing.

    The doors decide which staff; this stands behind them.
    """
    if not by.is_staff and appointment.member.user_id != by.pk:
        raise Missing()
