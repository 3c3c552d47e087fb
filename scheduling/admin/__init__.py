"""What do staff see and change of doctors, rosters, schedules and releases?"""

from scheduling.admin import (
    catalogue,
    generation,
    prices,
    releases,
    rosters,
    schedules,
    sessions,
    weeks,
)

__all__ = [
    "catalogue",
    "generation",
    "prices",
    "releases",
    "rosters",
    "schedules",
    "sessions",
    "weeks",
]
