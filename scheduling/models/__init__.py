"""Which tables say who sits where and when, and which places there are?"""

from scheduling.models.calendar import CalendarDay
from scheduling.models.catalogue import Clinic, Department, Doctor, Room, VisitType
from scheduling.models.leaves import Leave, LeaveQuerySet
from scheduling.models.prices import Price
from scheduling.models.releases import ReleaseRun
from scheduling.models.rosters import RosterTemplate
from scheduling.models.schedules import Schedule, ScheduleQuerySet, Slot, SlotQuerySet, claimable_by

__all__ = [
    "CalendarDay",
    "Clinic",
    "Department",
    "Doctor",
    "Leave",
    "LeaveQuerySet",
    "Price",
    "ReleaseRun",
    "Room",
    "RosterTemplate",
    "Schedule",
    "ScheduleQuerySet",
    "Slot",
    "SlotQuerySet",
    "VisitType",
    "claimable_by",
]
