"""Which tables say who has which place, and who waits for one?"""

from appointments.models.appointments import (
    IS_LIVE,
    MOVES,
    Appointment,
    AppointmentQuerySet,
)
from appointments.models.waitlist import (
    OPEN_ENTRIES,
    Offer,
    OfferQuerySet,
    WaitlistEntry,
    WaitlistQuerySet,
)

__all__ = [
    "IS_LIVE",
    "MOVES",
    "OPEN_ENTRIES",
    "Appointment",
    "AppointmentQuerySet",
    "Offer",
    "OfferQuerySet",
    "WaitlistEntry",
    "WaitlistQuerySet",
]
