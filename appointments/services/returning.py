"""Where does a place go that somebody gave back?"""

import random
from collections.abc import Collection
from datetime import datetime

from appointments.rules import booking as rules
from appointments.rules import waitlist
from appointments.services.offers import make_offers
from appointments.services.promotion import next_wish
from medbook.locks import require_transaction
from scheduling.models import Slot
from scheduling.services.leaves import is_sat
from scheduling.services.slots import block_slots, free_slots

_chance = random.SystemRandom()  # nobody can foretell when a sought-after place returns


def return_places(slots: Collection[Slot], now: datetime) -> None:
    """Give locked places back: to who waits for them first, else to the sale.

    A place that is offered was never free in between. Sought-after ones for which nobody waits
    return at a random later minute; where nobody sits any more, none returns.
    Source: docs/flows/waitlist.md.
    """
    require_transaction()
    for slot in slots:
        if not is_sat(slot):
            block_slots([slot])
        elif not offer_place(slot, now):
            free_slots([slot], _returns_at(slot, now))


def offer_place(slot: Slot, now: datetime, joined_since: datetime | None = None) -> bool:
    """Offer a locked place to the first whom it fits; at night, keep it until they may be asked.

    False where nobody waits for it, or nobody who joined since an instant, if one is given.
    """
    wish = next_wish(slot, now, joined_since)
    if wish is None:
        return False
    asked_from = waitlist.asked_from(now, slot.starts_at, slot.schedule.time_zone)
    if asked_from > now:
        free_slots([slot], asked_from + waitlist.WAITS_LONGER)
    else:
        make_offers(
            slots=[slot], until=waitlist.offered_until(slot.starts_at, now), entry=wish, now=now
        )
    return True


def _returns_at(slot: Slot, now: datetime) -> datetime | None:
    if not slot.schedule.high_demand:
        return None
    return rules.returns_at(slot.starts_at, now, _chance.random())
