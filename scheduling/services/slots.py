"""Who gets which place?"""

import time
import uuid
from collections.abc import Collection, Iterable
from datetime import datetime

from medbook.errors import TryLater
from medbook.locks import Rung, lock, require_transaction
from scheduling.choices import SlotState
from scheduling.errors import SlotTaken, SoldOut
from scheduling.models import Schedule, Slot
from scheduling.rules.sessions import Booker

LOOKS = 3
BETWEEN_LOOKS_SECONDS = 0.02  # three looks stay within 60 ms


def claim_slot(
    *,
    schedule: Schedule,
    starts_at: datetime | None = None,
    slot_uid: uuid.UUID | None = None,
    booker: Booker,
    now: datetime,
) -> Slot:
    """Take one free place: a chosen one, one at a chosen start, or the first by number.

    Never waits for a lock: a place that another transaction holds counts as taken.
    Raises: SlotTaken, SoldOut, TryLater when all free places are locked by others.
    """
    require_transaction()
    everywhere = Slot.objects.claimable(schedule, None, booker, now)
    wanted = Slot.objects.claimable(schedule, starts_at, booker, now).order_by("number")
    if slot_uid:
        wanted = wanted.filter(uid=slot_uid)
    is_chosen = bool(starts_at or slot_uid)
    for _look in range(1 if is_chosen else LOOKS):
        slot = lock(wanted, Rung.SLOT, skip_locked=True).first()
        if slot is not None:
            take_slots([slot])
            return slot
        if not everywhere.exists():
            raise SoldOut()
        if is_chosen:
            raise SlotTaken()
        time.sleep(BETWEEN_LOOKS_SECONDS)
    raise TryLater()


def lock_slots(slot_ids: Iterable[int]) -> list[Slot]:
    """Lock places in the order of their ids."""
    # Plain ids: as a subquery they make the planner guess, and badly right after a release.
    return list(lock(Slot.objects.filter(id__in=list(slot_ids)).order_by("id"), Rung.SLOT))


def take_slots(slots: Collection[Slot]) -> None:
    """Mark locked places as taken."""
    _put(slots, SlotState.TAKEN)


def offer_slots(slots: Collection[Slot]) -> None:
    """Keep locked places for the people to whom they are offered."""
    _put(slots, SlotState.OFFERED)


def free_slots(slots: Collection[Slot], returns_at: datetime | None = None) -> None:
    """Give locked places back to the sale, at once or at a later moment."""
    _put(slots, SlotState.FREE, returns_at)


def block_slots(slots: Collection[Slot]) -> None:
    """Take locked places off the sale for good."""
    _put(slots, SlotState.BLOCKED)


def _put(slots: Collection[Slot], state: SlotState, returns_at: datetime | None = None) -> None:
    require_transaction()
    rows = Slot.objects.filter(id__in=[slot.id for slot in slots])
    rows.update(state=state, returns_at=returns_at)
    for slot in slots:
        slot.state, slot.returns_at = state, returns_at
