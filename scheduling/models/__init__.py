"""Which tables say who sits where and when, and which places there are?"""

from scheduling.models.catalogue import Clinic, Department, Doctor, Room, VisitType
from scheduling.models.releases import ReleaseRun
from scheduling.models.rosters import RosterTemplate
from scheduling.models.schedules import Schedule, ScheduleQuerySet, Slot, SlotQuerySet

__all__ = [
    "Clinic",
    "Department",
    "Doctor",
    "ReleaseRun",
    "Room",
    "RosterTemplate",
    "Schedule",
    "ScheduleQuerySet",
    "Slot",
    "SlotQuerySet",
    "VisitType",
]
