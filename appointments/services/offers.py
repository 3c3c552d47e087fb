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
    by: User | None = None,
) -> list[Offer]:
    """Keep locked places for one wish, or for one called-off appointment, and tell the member."""
    require_transaction()
    offer_slots(slots)
    offers = Offer.objects.bulk_create(
        Offer(slot=slot, entry=entry, called_off=called_off, created_at=now, expires_at=until)
        for slot in slots
    )
    if entry is not None:
        entry.move_to(EntryState.OFFERED, now)
        entry.save(update_fields=["state", "ended_at"])
    for offer in offers:
        record_event(Action.OFFER_MADE, subject=offer, by=by)
    outbox.add_many("offer.made", [(str(offer.uid), {"offer_uid": offer.uid}) for offer in offers])
    return offers


def withdraw_offers_on(slots: Iterable[Slot], *, by: User | None, now: datetime) -> list[Offer]:
    """End the open offers of locked places, whose wishes wait on; the caller moves the places."""
    rows = Offer.objects.open().filter(slot__in=list(slots)).order_by("id")
    offers = list(lock(rows, Rung.OFFER))
    wishes = {wish.pk: wish for wish in lock_wishes(offers)}
    for offer in offers:
        end_offer(offer, OfferState.WITHDRAWN, by=by, now=now)
        if offer.entry_id is not None:
            move_wish(wishes[offer.entry_id], EntryState.WAITING, by=by, now=now)
    return offers


def end_offer(
    offer: Offer,
    state: OfferState,
    *,
    by: User | None,
    now: datetime,
    appointment: Appointment | None = None,
) -> None:
    """End a locked offer, and record it; the caller moves the place."""
    offer.state, offer.ended_at, offer.appointment = state, now, appointment
    offer.save(update_fields=["state", "ended_at", "appointment"])
    record_event(Action.OFFER_ENDED, subject=offer, by=by, reason=state)


def lock_wishes(offers: Iterable[Offer]) -> list[WaitlistEntry]:
    """Lock the wishes for which locked offers were made, in the order of their ids."""
    ids = [offer.entry_id for offer in offers if offer.entry_id is not None]
    return list(lock(WaitlistEntry.objects.filter(id__in=ids).order_by("id"), Rung.WAITLIST))


def move_wish(wish: WaitlistEntry, state: EntryState, *, by: User | None, now: datetime) -> None:
    """Change the state of a locked wish, and record it. Raises: WrongState."""
    wish.move_to(state, now)
    wish.save(update_fields=["state", "lapses", "ended_at"])
    record_event(Action.WAITLIST_CHANGED, subject=wish, by=by, reason=state)
