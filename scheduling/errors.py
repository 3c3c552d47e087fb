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

    message = _("Somebody changed this schedule in the meantime. Look at it again.")


class CapacityBelowBooked(Refused):
    """Places above the new number are taken."""

    message = _("Place %(number)s is taken; there cannot be fewer places than that.")


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


class ScheduleClash(Refused):
    """The doctor or the room is busy then."""

    message = "%(clash)s"
