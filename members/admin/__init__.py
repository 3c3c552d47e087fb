"""What do staff see and change of accounts, members, patients and tiers?"""

from members.admin import (
    accounts,
    family,
    membership,
    messages,
    people,
    points,
    search,
    strikes,
    tiers,
)

__all__ = [
    "accounts",
    "family",
    "membership",
    "messages",
    "people",
    "points",
    "search",
    "strikes",
    "tiers",
]
