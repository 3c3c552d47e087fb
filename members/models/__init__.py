"""Which tables say who somebody is, what they may do and what they were told?"""

from members.models.accounts import TokenFamily, User
from members.models.people import FamilyLink, Member, Patient, Suspension, SuspensionQuerySet
from members.models.tiers import Privilege, PrivilegeQuerySet, Tier

__all__ = [
    "FamilyLink",
    "Member",
    "Patient",
    "Privilege",
    "PrivilegeQuerySet",
    "Suspension",
    "SuspensionQuerySet",
    "Tier",
    "TokenFamily",
    "User",
]
