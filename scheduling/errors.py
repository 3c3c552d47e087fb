"""In which ways does a schedule refuse?"""

from django.utils.translation import gettext_lazy as _

from medbook.errors import Refused


class SlotTaken(Refused):
    """The chosen time went to somebody else."""

    message = _("This time was taken a moment ago. Nothing was charged.")


class SoldOut(Refused):
    """The schedule has no place left."""

    message = _("All places of this session are taken. Nothing was charged.")


class WrongState(Refused):
    """The schedule is not in a state in which this can be done."""

    message = _("This cannot be done with a schedule in the state “%(state)s”.")


class VersionConflict(Refused):
    """Somebody else changed the schedule since it was read."""

    message = _("%(who)s changed this schedule in the meantime (%(at)s). Look at it again.")


class CapacityBelowBooked(Refused):
    """Places above the new number are taken."""

    message = _(
        "Place %(number)s is taken; there cannot be fewer places than that."
        " It would hit %(count)s: %(references)s."
    )


class KeptTooMany(Refused):
    """More places are to be kept than there are."""

    message = _("%(kept)s places cannot be kept for the desk where there are %(places)s.")


class NoPrice(Refused):
    """Nobody set a fee, and the price list has none."""

    message = _(
        "The price list has no price for “%(visit_type)s” with the title “%(title)s” on %(day)s."
        " Please set a fee, or have the price added."
    )


class PastPriceStays(Refused):
    """What visits cost before today stays on record; it is followed by a new price."""

    message = _("Prices from before today stay as they were. Add one from today or later.")


class PriceTwice(Refused):
    """There is a price from the same day on."""

    message = _("There is a price from this day on already.")


class InThePast(Refused):
    """The session has ended already."""

    message = _("This session is over.")


class SessionImpossible(Refused):
    """The hours do not exist that day, or are empty or too long."""

    message = _("There is no such session on that day. Please check the hours.")


class RoomElsewhere(Refused):
    """The room is not where the doctor works."""

    message = _("This room is in another clinic than the doctor.")


class DoctorOnLeave(Refused):
    """The doctor is away then."""

    message = _("The doctor does not sit from %(starts_at)s to %(ends_at)s.")


class DoctorInactive(Refused):
    """The doctor no longer works here."""

    message = _("%(doctor)s is no longer active.")


class RoomClosed(Refused):
    """The room is no longer in use."""

    message = _("Room %(room)s is closed.")


class OnHoliday(Refused):
    """The day is a public holiday, and nobody gave a reason to sit all the same."""

    message = _("%(day)s is a public holiday (%(name)s). Publishing it needs a reason.")


class AboveWeeklyHours(Refused):
    """The doctor would sit longer than agreed that week, and nobody gave a reason."""

    message = _(
        "With this session %(doctor)s sits %(hours)s hours that week; %(limit)s are agreed."
        " Publishing it needs a reason."
    )


class ScheduleClash(Refused):
    """The doctor or the room is busy then."""

    message = "%(clash)s"


class PeriodImpossible(Refused):
    """The dates are past, too many or too far ahead."""

    message = _("Please choose dates from today on, at most %(days)d days and within a year.")


class LeaveImpossible(Refused):
    """Nobody can be away then."""

    message = _("A leave ends after it starts, is not over yet, and lasts at most a year.")


class LeaveOverlaps(Refused):
    """The doctor is away then already."""

    message = _("The doctor is already away from %(starts_at)s to %(ends_at)s.")


class LeaveChanged(Refused):
    """Somebody else changed the leave since it was read."""

    message = _("Somebody changed this leave in the meantime. Please look at it again.")


class LeaveStands(Refused):
    """What members were told cannot be taken back."""

    message = _("This leave is “%(state)s” and can no longer be changed.")
