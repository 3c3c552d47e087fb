"""How is a place kept for one person?"""

from collections.abc import Collection, Iterable
from datetime import datetime

from appointments.choices import EntryState, OfferState
from appointments.models import Appointment, Offer, WaitlistEntry
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, require_transaction
from medbook.outbox import services as outbox
from members.models import User
from scheduling.models import Slot
from scheduling.services.slots import offer_slots


def make_offers(
    *,
    slots: Collection[Slot],
    until: datetime,
    now: datetime,
    entry: WaitlistEntry | None = None,
    called_off: Appointment | None = None,
) -> list[Offer]:
    """Keep locked places for one wish, or for one called-off appointment, and tell the member."""
    require_transaction()
    offer_slots(slots)
    offers = Offer.objects.bulk_create(
        Offer(slot=slot, entry=entry, called_off=called_off, created_at=now, expires_at=until)
        for slot in slots
    )
    if entry is not None:
        entry.state = EntryState.OFFERED
        entry.save(update_fields=["state"])
    for offer in offers:
        record_event(Action.OFFER_MADE, subject=offer)
    outbox.add_many("offer.made", [(str(offer.uid), {"offer_uid": offer.uid}) for offer in offers])
    return offers


def withdraw_offers_on(slots: Iterable[Slot], *, by: User | None, now: datetime) -> list[Offer]:
    """End the open offers of locked places, whose wishes wait on; the caller moves the places."""
    rows = Offer.objects.open().filter(slot__in=list(slots)).order_by("id")
    offers = list(lock(rows, Rung.OFFER).select_related("entry"))
    for offer in offers:
        offer.state = OfferState.WITHDRAWN
        offer.ended_at = now
        offer.save(update_fields=["state", "ended_at"])
        if offer.entry is not None:
            offer.entry.state = EntryState.WAITING
            offer.entry.save(update_fields=["state"])
        record_event(Action.OFFER_ENDED, subject=offer, by=by, reason=offer.state)
    return offers
