"""Which words do appointments use?"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from scheduling.choices import HalfDay as HalfDay


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
    NO_SHOW = "no_show", _("Not come")


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
    WALK_IN = "walk_in", _("Came without an appointment")
    OFFER = "offer", _("Offer of a place")


class WayToPay(TextChoices):
    """Where the fee is paid."""

    DESK = "desk", _("At the clinic")
    ONLINE = "online", _("Online")


class EndReason(TextChoices):
    """Why an appointment ended before the visit."""

    LAPSED = "lapsed", _("The hold ran out")
    REPLACED = "replaced", _("Another time was chosen")
    MEMBER = "member", _("Cancelled by the member")
    DESK = "desk", _("Cancelled by the front desk")
    CLINIC = "clinic", _("The doctor does not sit")


class CancelCause(TextChoices):
    """Why a member cancels, as far as they like to say; nothing about health."""

    NO_TIME = "no_time", _("I cannot come at this time")
    NOT_NEEDED = "not_needed", _("I no longer need the visit")
    ELSEWHERE = "elsewhere", _("I found another appointment")
    MISTAKE = "mistake", _("I booked by mistake")
    OTHER = "other", pgettext_lazy("reason to cancel", "Something else")


class EntryState(TextChoices):
    """States of a wish on the waitlist."""

    WAITING = "waiting", pgettext_lazy("waitlist", "Waiting")
    OFFERED = "offered", pgettext_lazy("waitlist", "A place is offered")
    FULFILLED = "fulfilled", _("Place taken")
    LAPSED = "lapsed", _("Two offers went unanswered")
    LEFT = "left", _("Left the waitlist")


class OfferState(TextChoices):
    """States of an offer."""

    OPEN = "open", pgettext_lazy("offer", "Open")
    ACCEPTED = "accepted", _("Accepted")
    DECLINED = "declined", _("Declined")
    LAPSED = "lapsed", pgettext_lazy("offer", "Not answered in time")
    WITHDRAWN = "withdrawn", _("Withdrawn by the clinic")


class SkipReason(TextChoices):
    """Why a place is not offered to a wish that waits."""

    ENDED = "ended", _("No longer waiting")
    HAS_OFFER = "has_offer", _("Has another place on offer")
    TARGET = "target", _("Waits for another doctor or session")
    DAYS = "days", _("Wants other days")
    HALF_DAY = "half_day", _("Wants another time of day")
    NOT_ON_SALE = "not_on_sale", _("Booking for this session is not open")
    RESERVED = "reserved", _("The place is kept for a higher tier or the front desk")
    DECLINED = "declined", _("Did not take this place when it was offered")
    CANCELLED = "cancelled", _("Cancelled this very place")
    PAUSED = "paused", _("Online booking is paused")
    MAY_NOT_BOOK = "may_not_book", _("Consent or identity document is missing")
    LIMIT = "limit", _("Has as many appointments as are allowed")
    BUSY = "busy", _("Has another visit at that time")
    DOCTOR_DAY = "doctor_day", _("Sees this doctor on that day already")
    DEPARTMENT_DAY = "department_day", _("Has a visit in this department on that day")
    QUIET = "quiet", _("Nobody is asked during the night")


class Band(TextChoices):
    """Roughly how far in front a wish stands."""

    TOP = "top", _("Among the first 5")
    NEAR = "near", _("Between 6 and 20")
    FURTHER = "further", _("Further back")


class View(TextChoices):
    """Which of their appointments members look at."""

    UPCOMING = "upcoming", _("Upcoming")
    PAST = "past", _("Past")
    CANCELLED = "cancelled", _("Cancelled")
