"""What helps somebody who could not have the place they wanted?"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from appointments.errors import (
    AlreadyBookedDepartmentDay,
    AlreadyBookedDoctorDay,
    CalledOff,
    HoldExpired,
    InThePast,
    NotOpenYet,
    OfferExpired,
    PatientBusy,
    PlacesFree,
    SaleOver,
)
from appointments.selectors.catalogue import Opening, next_openings
from appointments.selectors.free_times import Chip, free_chips, nearest_chips, open_schedules
from appointments.selectors.terms import Terms
from medbook.errors import DomainError, TryLater
from members.models import Member
from scheduling.choices import ScheduleState
from scheduling.errors import SlotTaken, SoldOut
from scheduling.models import Doctor, Schedule, Slot

OTHER_TIME_HELPS: tuple[type[DomainError], ...] = (
    SlotTaken,
    SoldOut,
    InThePast,
    NotOpenYet,
    SaleOver,
    CalledOff,
    PatientBusy,
    HoldExpired,
    OfferExpired,
    PlacesFree,
    TryLater,
)
OTHER_DAY_HELPS: tuple[type[DomainError], ...] = (
    AlreadyBookedDoctorDay,
    AlreadyBookedDepartmentDay,
)
MOST_TIMES = 3
WINDOW = timedelta(days=14)


@dataclass(frozen=True)
class Alternatives:
    """Free times nearby, those of similar doctors, whether to wait helps, and the next release.

    `opening` is the doctor's next session that is still to open for this reader.
    """

    times: list[Chip] = field(default_factory=list)
    colleagues: list[Chip] = field(default_factory=list)
    waitlist: Schedule | None = None
    opening: Opening | None = None

    def __bool__(self) -> bool:
        return bool(self.times or self.colleagues or self.waitlist or self.opening)


def alternatives_to(
    refusal: DomainError,
    *,
    schedule: Schedule,
    starts_at: datetime | None,
    member: Member | None,
    terms: Terms,
    now: datetime,
) -> Alternatives:
    """Find what helps after a refusal; nothing where no other place would be given either."""
    if not isinstance(refusal, OTHER_TIME_HELPS + OTHER_DAY_HELPS):
        return Alternatives()
    times = nearest_chips(
        schedule=schedule,
        starts_at=starts_at,
        member=member,
        terms=terms,
        now=now,
        other_days_only=isinstance(refusal, OTHER_DAY_HELPS),
        most=MOST_TIMES,
    )
    return Alternatives(
        times=times,
        colleagues=[
            chip
            for chip in similar_doctors(schedule.doctor, terms, now)
            if chip.schedule.doctor_id not in {time.schedule.doctor_id for time in times}
        ],
        waitlist=schedule if is_worth_waiting(schedule, terms, now) else None,
        opening=next_openings([schedule.doctor], terms, now).get(schedule.doctor_id),
    )


def similar_doctors(
    doctor: Doctor, terms: Terms, now: datetime, most: int = MOST_TIMES
) -> list[Chip]:
    """List the first free time of other doctors of the department, same title first. Two queries.

    One time for each doctor, the soonest first.
    """
    rows = open_schedules(terms, now).filter(
        department=doctor.department_id, starts_at__lt=now + WINDOW
    )
    schedules = rows.exclude(doctor=doctor).select_related("doctor", "department__clinic")
    first = _first_of_each(free_chips(schedules, terms.booker, now))
    first.sort(key=lambda chip: (chip.schedule.doctor.title != doctor.title, chip.starts_at))
    return first[:most]


def is_worth_waiting(schedule: Schedule, terms: Terms, now: datetime) -> bool:
    """Tell whether a place of a session may still be offered to who waits. One query."""
    return (
        schedule.state == ScheduleState.PUBLISHED
        and schedule.opens_at(terms.early_minutes) <= now < schedule.sale_stops_at
        and not Slot.objects.open_to(terms.booker, now).filter(schedule=schedule).exists()
    )


def _first_of_each(chips: Iterable[Chip]) -> list[Chip]:
    first: dict[int, Chip] = {}
    for chip in chips:
        first.setdefault(chip.schedule.doctor_id, chip)
    return list(first.values())
