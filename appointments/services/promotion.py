"""Who on the waitlist is asked first about a place?"""

import uuid
from datetime import datetime

from django.db import transaction

from appointments.errors import PlaceDoesNotFit
from appointments.models import Offer, WaitlistEntry
from appointments.rules import waitlist
from appointments.selectors.wishes import fitting_wishes, skip_reasons, why_skipped
from appointments.services.offers import make_offers
from medbook.errors import Missing
from medbook.locks import Rung, lock, retry_on_conflict
from members.models import User
from scheduling.choices import SlotState
from scheduling.errors import SlotTaken
from scheduling.models import Slot
from scheduling.services.slots import lock_slots

ASKED_AT_ONCE = 50


def next_wish(
    slot: Slot, now: datetime, joined_since: datetime | None = None
) -> WaitlistEntry | None:
    """Lock the first wish that a locked place fits; None where nobody waits for such a place.

    By weight, then by time of joining; only of those who joined since an instant, if one is given.
    A wish that another transaction works on is passed over: the caller may hold locks that come
    later in the order, so nothing here waits.
    """
    wishes = fitting_wishes(slot).select_related("member__tier", "patient")
    if joined_since is not None:
        wishes = wishes.filter(joined_at__gte=joined_since)
    start = 0
    while found := list(wishes[start : start + ASKED_AT_ONCE]):
        reasons = skip_reasons(found, slot, now)
        for wish in found:
            if reasons[wish.pk] is None and (locked := lock_wish(wish)):
                return locked
        start += ASKED_AT_ONCE
    return None


@retry_on_conflict
@transaction.atomic(durable=True)
def offer_now(*, entry_uid: uuid.UUID, slot_uid: uuid.UUID, by: User, now: datetime) -> Offer:
    """Offer a free place to a wish that staff has chosen; the rules hold for staff as well.

    Raises: SlotTaken, PlaceDoesNotFit, Missing.
    """
    known = Slot.objects.filter(uid=slot_uid).first()
    wish = WaitlistEntry.objects.filter(uid=entry_uid).first()
    if known is None or wish is None:
        raise Missing()
    [slot] = lock_slots([known.pk])
    if slot.state != SlotState.FREE:
        raise SlotTaken()
    rows = WaitlistEntry.objects.select_related("member__tier", "patient").filter(pk=wish.pk)
    wish = lock(rows, Rung.WAITLIST).get()
    if why := why_skipped(wish, slot, now):
        raise PlaceDoesNotFit(why=why.label)
    until = waitlist.offered_until(slot.starts_at, now)
    [offer] = make_offers(slots=[slot], until=until, entry=wish, by=by, now=now)
    return offer


def lock_wish(wish: WaitlistEntry) -> WaitlistEntry | None:
    """Lock a wish that still waits; None where another transaction has it, or it has ended."""
    waiting = WaitlistEntry.objects.waiting().filter(pk=wish.pk)
    return lock(waiting, Rung.WAITLIST, skip_locked=True).first()
