"""Which tables say who somebody is, what they may do and what they were told?"""

from members.models.accounts import OneTimeCode, TokenFamily, User
from members.models.calendar_feeds import CalendarFeed
from members.models.family import FamilyLink, FamilyLinkQuerySet
from members.models.messages import ChannelChoice, Delivery, MessageTemplate, Notification
from members.models.people import Member, Patient
from members.models.points import PointEntry
from members.models.privacy import Consent
from members.models.second_factors import FactorTries, RecoveryCode, SecondFactor
from members.models.sessions import BrowserSession
from members.models.strikes import (
    Strike,
    StrikeAppeal,
    StrikeQuerySet,
    Suspension,
    SuspensionQuerySet,
)
from members.models.tier_changes import TierChange
from members.models.tiers import Privilege, PrivilegeQuerySet, Tier

__all__ = [
    "BrowserSession",
    "CalendarFeed",
    "ChannelChoice",
    "Consent",
    "Delivery",
    "FactorTries",
    "FamilyLink",
    "FamilyLinkQuerySet",
    "Member",
    "MessageTemplate",
    "Notification",
    "OneTimeCode",
    "Patient",
    "PointEntry",
    "Privilege",
    "PrivilegeQuerySet",
    "RecoveryCode",
    "SecondFactor",
    "Strike",
    "StrikeAppeal",
    "StrikeQuerySet",
    "Suspension",
    "SuspensionQuerySet",
    "Tier",
    "TierChange",
    "TokenFamily",
    "User",
]
