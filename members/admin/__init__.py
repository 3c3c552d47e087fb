"""What do staff see and change of accounts, members, patients and tiers?"""

from members.admin import accounts, membership, messages, people, points, search, tiers

__all__ = ["accounts", "membership", "messages", "people", "points", "search", "tiers"]
