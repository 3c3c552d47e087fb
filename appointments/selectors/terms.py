"""On which terms does this reader book: how early, for what price?"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from appointments.choices import WayToPay
from appointments.models import Appointment
from billing.gateways.registry import enabled
from billing.rules.prices import Quote, quote
from billing.selectors import insurer_name
from members.models import Member
from members.selectors.tiers import most_allowed, privilege, privileges
from scheduling.choices import SaleState
from scheduling.models import Schedule
from scheduling.rules.sessions import Booker


@dataclass(frozen=True)
class Terms:
    """What a reader's tier means for booking; a stranger has those of the entry tier."""

    early_minutes: int
    earliest_minutes: int
    discount_rate: Decimal
    tier_name: str
    booker: Booker

    @property
    def early(self) -> timedelta:
        """How much sooner than others this reader books."""
        return timedelta(minutes=self.early_minutes)

    def price(self, schedule: Schedule) -> Quote:
        """Price a visit for this reader."""
        return quote(
            fee=schedule.fee,
            currency=schedule.currency,
            discount_rate=self.discount_rate,
            tier_name=self.tier_name,
        )

    def opens_at(self, schedule: Schedule, now: datetime) -> datetime | None:
        """Tell when a schedule opens for this reader; None when it is open or over."""
        opens_at = schedule.opens_at(self.early_minutes)
        if now < opens_at:
            return opens_at
        if self.is_open(schedule, now) or now >= schedule.same_day_from:
            return None
        return schedule.same_day_from

    def is_open(self, schedule: Schedule, now: datetime) -> bool:
        """Tell whether a published schedule is on sale for this reader."""
        sale = schedule.sale_state(early_minutes=self.early_minutes, now=now)
        return sale == SaleState.ON_SALE

    def is_open_to_others(self, schedule: Schedule, now: datetime) -> bool:
        """Tell whether another tier books a schedule already."""
        return now >= schedule.opens_at(self.earliest_minutes)


def terms_of(member: Member | None, now: datetime) -> Terms:
    """Tell the terms of a reader. Two queries."""
    own = privileges(member, now)
    return Terms(
        early_minutes=own["early_access_minutes"],
        earliest_minutes=most_allowed("early_access_minutes", now),
        discount_rate=own["discount_rate"],
        tier_name=member.tier.name if member else "",
        booker=Booker(rank=member.tier.rank) if member else Booker(),
    )


def ways_to_pay(member: Member, now: datetime) -> list[WayToPay]:
    """List how this member may pay, the quickest first."""
    online = [WayToPay.ONLINE] if enabled() else []
    desk = [WayToPay.DESK] if privilege(member, "pay_at_desk", now) else []
    return online + desk


def agreed_price(appointment: Appointment) -> Quote:
    """Return the price that an appointment was made for. One query where it is insured."""
    return Quote(
        full=appointment.fee,
        discount=appointment.discount,
        total=appointment.price,
        currency=appointment.currency,
        tier_name=appointment.tier.name,
        points=appointment.points,
        insured=appointment.insured,
        insurer_name=insurer_name(appointment.subject) if appointment.insured else "",
        is_free_return=appointment.is_free_return,
    )
