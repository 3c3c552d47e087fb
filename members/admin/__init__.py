"""What do staff see and change of accounts, members, patients and tiers?"""

from members.admin import accounts, membership, people, points, search, tiers

__all__ = ["accounts", "membership", "people", "points", "search", "tiers"]
