"""What would making the sessions of chosen dates, or changing a pattern, come to?"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from medbook import clock
from scheduling.models import Department, RosterTemplate, Schedule
from scheduling.rules.sessions import horizon_dates
from scheduling.selectors.generation import (
    DueDate,
    PlannedDate,
    foreseen_dates,
    weekdays_followed,
)
from scheduling.selectors.releases import obstacle_sentences

MOST_CONFLICTS_SHOWN = 100


@dataclass
class Tally:
    """How many sessions would be added, with how many places, stay, and cannot be made."""

    added: int = 0
    places: int = 0
    unchanged: int = 0
    conflicts: int = 0

    def count(self, planned: PlannedDate) -> None:
        """Add a date."""
        self.added += len(planned.schedules)
        self.places += sum(schedule.max_appointments for schedule in planned.schedules)
        self.unchanged += planned.unchanged
        self.conflicts += len(planned.obstacles)


@dataclass(frozen=True)
class Preview:
    """What a generation would do."""

    total: Tally
    by_department: Mapping[Department, Tally]
    by_day: Mapping[date, Tally]
    conflicts: list[tuple[date, str]] = field(default_factory=list)

    @property
    def hidden_conflicts(self) -> int:
        """How many conflicts are not listed."""
        return self.total.conflicts - len(self.conflicts)


def generation_preview(dates: Collection[DueDate]) -> Preview:
    """Tell what making these dates would add, leave and not be able to make.

    Ten queries at most.
    """
    planned = foreseen_dates(dates)
    total = Tally()
    by_department: defaultdict[Department, Tally] = defaultdict(Tally)
    by_day: defaultdict[date, Tally] = defaultdict(Tally)
    for each in planned:
        for tally in (total, by_department[each.due.department], by_day[each.due.service_date]):
            tally.count(each)
    obstacles = [(each.due.service_date, one) for each in planned for one in each.obstacles]
    obstacles = sorted(obstacles, key=lambda pair: pair[0])[:MOST_CONFLICTS_SHOWN]
    said = obstacle_sentences([obstacle.as_fact() for _day, obstacle in obstacles])
    return Preview(
        total=total,
        by_department={each: tally for each, tally in by_department.items() if tally != Tally()},
        by_day=dict(sorted(by_day.items())),
        conflicts=[(day, text) for (day, _one), text in zip(obstacles, said, strict=True)],
    )


@dataclass(frozen=True)
class ChangePreview:
    """Which dates a changed pattern leaves as they are, and which will follow it."""

    staying: int
    following: int
    next_following: date | None


def change_preview(changed: RosterTemplate, now: datetime) -> ChangePreview:
    """Tell what changing a pattern comes to; it is written as changed, or not yet. Four queries.

    Counted are dates from today on: those with a schedule stay, those of the horizon without one
    follow the pattern as changed.
    """
    department = changed.doctor.department
    zone = department.clinic.time_zone
    today = clock.local_date(now, zone)
    made = set(
        Schedule.objects.filter(template=changed.pk, service_date__gte=today).values_list(
            "service_date", flat=True
        )
    )
    ahead = horizon_dates(now, zone, department.horizon_days)
    days = [day for day in ahead if changed.is_valid_on(day) and day not in made]
    weekdays = weekdays_followed([DueDate(department, day) for day in days])
    following = [
        due.service_date for due, weekday in weekdays.items() if weekday == changed.weekday
    ]
    return ChangePreview(
        staying=len(made), following=len(following), next_following=min(following, default=None)
    )
