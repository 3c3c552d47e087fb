"""What can a member have instead of a visit that the clinic called off?"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from appointments.choices import AppointmentState, OfferState
from appointments.models import Appointment, Offer
from appointments.selectors.leave import leave_behind, offers_for
from appointments.selectors.visits import of_member, with_names
from billing.choices import RefundReason
from billing.models import Refund
from billing.selectors import refunds_of
from members.models import Member

MOST_PINNED = 5


@dataclass(frozen=True)
class Instead:
    """A called-off visit: why, which money goes back, which places are kept, which was taken."""

    visit: Appointment
    why: str
    refunds: list[Refund]
    offers: list[Offer]
    taken: Offer | None


def instead_of(visits: Sequence[Appointment], now: datetime) -> list[Instead]:
    """Say what can be had instead of visits. Two queries, and one more for each visit."""
    refunds = refunds_of([visit.subject for visit in visits], RefundReason.CALLED_OFF)
    offers: dict[int | None, list[Offer]] = defaultdict(list)
    for offer in offers_for(visits):
        offers[offer.called_off_id].append(offer)
    return [
        _instead(visit, offers[visit.pk], refunds.get(visit.subject, []), now) for visit in visits
    ]


def to_choose_anew(member: Member, now: datetime) -> list[Instead]:
    """List a member's called-off visits for which places are still kept, the soonest first."""
    kept = Offer.objects.open().filter(called_off=OuterRef("pk"), expires_at__gt=now)
    rows = of_member(member).filter(Exists(kept), state=AppointmentState.CALLED_OFF)
    visits = list(with_names(member, rows).order_by("starts_at")[:MOST_PINNED])
    return instead_of(visits, now) if visits else []


def _instead(
    visit: Appointment, offers: list[Offer], refunds: list[Refund], now: datetime
) -> Instead:
    away = leave_behind(visit)
    kept = [each for each in offers if each.state == OfferState.OPEN and not each.is_lapsed(now)]
    taken = (each for each in offers if each.appointment and each.appointment.is_live)
    return Instead(visit, away.reason if away else "", refunds, kept, next(taken, None))
