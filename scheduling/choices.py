"""Which words do rosters, schedules and places use?"""

from django.db.models import IntegerChoices, TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Title(TextChoices):
    """A doctor's title, highest first."""

    CHIEF = "chief", _("Chief physician")
    ASSOCIATE_CHIEF = "associate_chief", _("Associate chief physician")
    ATTENDING = "attending", _("Attending physician")
    RESIDENT = "resident", _("Resident physician")


class Gender(TextChoices):
    """A doctor's gender, which patients may choose by."""

    FEMALE = "female", _("Female")
    MALE = "male", _("Male")


class Weekday(IntegerChoices):
    """Days of the week, as Python counts them."""

    MONDAY = 0, _("Monday")
    TUESDAY = 1, _("Tuesday")
    WEDNESDAY = 2, _("Wednesday")
    THURSDAY = 3, _("Thursday")
    FRIDAY = 4, _("Friday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


class DayKind(TextChoices):
    """What is special about a day of the calendar."""

    HOLIDAY = "holiday", pgettext_lazy("calendar", "Public holiday")
    WORKDAY = "workday", pgettext_lazy("calendar", "Working day")


class HalfDay(TextChoices):
    """Parts of a day in which sessions start."""

    MORNING = "morning", pgettext_lazy("half of a day", "Morning")
    AFTERNOON = "afternoon", pgettext_lazy("half of a day", "Afternoon")
    EVENING = "evening", pgettext_lazy("half of a day", "Evening")


class ConflictKind(TextChoices):
    """What keeps a session from being published, or asks for somebody to look at it."""

    DOCTOR_TWICE = "doctor_twice", _("Doctor twice at once")
    ROOM_TWICE = "room_twice", _("Room twice at once")
    LEAVE = "leave", _("Doctor on leave")
    DOCTOR_INACTIVE = "doctor_inactive", _("Doctor no longer active")
    ROOM_CLOSED = "room_closed", _("Room closed")
    HOLIDAY = "holiday", _("Public holiday")
    WEEKLY_HOURS = "weekly_hours", _("Above the weekly hours")


class RushMode(TextChoices):
    """How places are given out when they are released."""

    DIRECT = "direct", _("First come, first served")


class ScheduleState(TextChoices):
    """States of a schedule."""

    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    FINISHED = "finished", _("Finished")
    CALLED_OFF = "called_off", pgettext_lazy("schedule", "Called off")


class SlotState(TextChoices):
    """States of a place."""

    FREE = "free", _("Free")
    TAKEN = "taken", _("Taken")
    OFFERED = "offered", _("Offered to one person")
    BLOCKED = "blocked", _("Blocked")


class LeaveState(TextChoices):
    """States of a leave."""

    DRAFT = "draft", _("Being prepared")
    CONFIRMED = "confirmed", _("Confirmed")
    DONE = "done", _("Carried out")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class LeaveReason(TextChoices):
    """Why a doctor does not sit, as far as members may know."""

    ILLNESS = "illness", _("Illness")
    HOLIDAY = "holiday", pgettext_lazy("leave", "Holiday")
    TRAINING = "training", _("Training")
    OTHER = "other", pgettext_lazy("reason", "Other")


class SaleState(TextChoices):
    """What a schedule is to those who want to book; computed, never stored."""

    UPCOMING = "upcoming", _("Opens later")
    ON_SALE = "on_sale", _("On sale")
    SOLD_OUT = "sold_out", _("Full")
    SALE_OVER = "sale_over", _("Booking closed")
    CALLED_OFF = "called_off", pgettext_lazy("schedule", "Called off")


class RunState(TextChoices):
    """States of a release run."""

    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
