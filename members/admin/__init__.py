"""What do staff see and change of accounts, members, patients and tiers?"""

from members.admin import accounts, people, search, tiers

__all__ = ["accounts", "people", "search", "tiers"]
