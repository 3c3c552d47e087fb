"""What is a member given in place of what the clinic called off?

Handlers of the outbox, which a job may run ahead of: each looks first and is done once.
"""

import uuid
from datetime import datetime

from django.db import transaction

from appointments.choices import AppointmentState, EntryState
from appointments.models import Appointment, Offer, WaitlistEntry
from appointments.notifications import tell_called_off, tell_wish_ended
from appointments.rules.comparable import kept_until, share
from appointments.selectors.comparable import (
    Stock,
    Wish,
    free_starts,
    live_visits_of_patients,
)
from appointments.selectors.leave import is_told, waiting_beside
from appointments.selectors.terms import terms_of
from appointments.services.offers import make_offers, move_wish
from medbook import clock
from medbook.locks import Rung, lock, retry_on_conflict
from scheduling.models import Schedule, Slot


def offer_stand_ins(*, appointment_uid: str) -> None:
    """Keep places for who has lost one, and tell: after the commit that called the visit off."""
    replace_visit(appointment_uid=uuid.UUID(appointment_uid), now=clock.now())


@retry_on_conflict
@transaction.atomic
def replace_visit(
    *,
    appointment_uid: uuid.UUID,
    now: datetime,
    stock: Stock | None = None,
    waiting: int | None = None,
) -> None:
    """Keep up to three comparable places for a called-off visit and tell the member, once.

    A hold that was never confirmed is told of, and given nothing; nor is a member whose account
    has ended since a visit that was missed. Who replaces many visits reads the stock once, and says
    how many wait, this one included.
    """
    rows = Appointment.objects.select_related(
        "member__user", "member__tier", "doctor", "department__clinic"
    )
    visit = lock(rows.filter(uid=appointment_uid), Rung.APPOINTMENT).get()
    if visit.state != AppointmentState.CALLED_OFF or is_told(visit):
        return
    offers = []
    if visit.confirmed_at and visit.member.erased_at is None:
        stock = stock or Stock(free_starts([visit.department_id], now), now)
        offers = _keep_places(visit, stock, waiting or waiting_beside(visit, now) + 1, now)
    tell_called_off(visit, offers, now)


@retry_on_conflict
@transaction.atomic
def end_wishes(*, schedule_uid: str) -> None:
    """End the wishes for places of one session that will not take place, and tell the members."""
    session = Schedule.objects.select_related("department__clinic").get(uid=uuid.UUID(schedule_uid))
    now = clock.now()
    wishes = WaitlistEntry.objects.open().filter(schedule=session).order_by("id")
    for entry in lock(wishes, Rung.WAITLIST).select_related("member__user"):
        move_wish(entry, EntryState.LEFT, by=None, now=now)
        tell_wish_ended(entry, session, now)


def _keep_places(visit: Appointment, stock: Stock, waiting: int, now: datetime) -> list[Offer]:
    """Take the nearest places that nobody else is taking at this moment. Waits for no lock."""
    others = live_visits_of_patients([visit.patient_id])[visit.patient_id]
    wish = Wish(visit, terms_of(visit.member, now), others)
    most = share(stock.places_for(wish), waiting)
    offers: list[Offer] = []
    for start in stock.nearest(wish):
        if len(offers) == most:
            break
        if any(offer.slot.starts_at == start.starts_at for offer in offers):
            continue
        free = Slot.objects.claimable(start.schedule, start.starts_at, wish.terms.booker, now)
        slot = lock(free.order_by("number"), Rung.SLOT, skip_locked=True).first()
        if slot:
            stock.take(start)
            until = kept_until(slot.starts_at, now)
            offers += make_offers(slots=[slot], until=until, now=now, called_off=visit)
    return offers
