"""Which words do appointments use?"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class AppointmentState(TextChoices):
    """States of an appointment; the moves between them are in models.MOVES."""

    HELD = "held", _("Held")
    BOOKED = "booked", _("Booked")
    ARRIVED = "arrived", _("Arrived")
    IN_CONSULTATION = "in_consultation", _("In consultation")
    COMPLETED = "completed", _("Completed")
    CANCELLED = "cancelled", _("Cancelled")
    CALLED_OFF = "called_off", pgettext_lazy("appointment", "Called off by the clinic")
    EXPIRED = "expired", _("Expired")


LIVE_STATES = (
    AppointmentState.HELD,
    AppointmentState.BOOKED,
    AppointmentState.ARRIVED,
    AppointmentState.IN_CONSULTATION,
)


class Source(TextChoices):
    """Who made the appointment."""

    SELF = "self", _("Member")
    DESK = "desk", _("Front desk")


class WayToPay(TextChoices):
    """Where the fee is paid."""

    DESK = "desk", _("At the clinic")


class EndReason(TextChoices):
    """Why an appointment ended before the visit."""

    LAPSED = "lapsed", _("The hold ran out")
    REPLACED = "replaced", _("Another time was chosen")
    MEMBER = "member", _("Cancelled by the member")
    DESK = "desk", _("Cancelled by the front desk")
    CLINIC = "clinic", _("The doctor does not sit")


class HalfDay(TextChoices):
    """Parts of a day in which sessions start."""

    MORNING = "morning", pgettext_lazy("half of a day", "Morning")
    AFTERNOON = "afternoon", pgettext_lazy("half of a day", "Afternoon")
    EVENING = "evening", pgettext_lazy("half of a day", "Evening")


class View(TextChoices):
    """Which of their appointments members look at."""

    UPCOMING = "upcoming", _("Upcoming")
    PAST = "past", _("Past")
    CANCELLED = "cancelled", _("Cancelled")
