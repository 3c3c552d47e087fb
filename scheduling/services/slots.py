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

LOOKS = 3
BETWEEN_LOOKS_SECONDS = 0.02  # three looks stay within 60 ms


def claim_slot(
    *,
    schedule: Schedule,
    starts_at: datetime | None = None,
    slot_uid: uuid.UUID | None = None,
    now: datetime,
) -> Slot:
    """Take one free place: a chosen one, one at a chosen start, or the first by number.

    Never waits for a lock: a place that another transaction holds counts as taken.
    Raises: SlotTaken, SoldOut, TryLater when all free places are locked by others.
    """
    require_transaction()
    everywhere = Slot.objects.claimable(schedule, None, now)
    wanted = Slot.objects.claimable(schedule, starts_at, now).order_by("number")
    if slot_uid:
        wanted = wanted.filter(uid=slot_uid)
    is_chosen = bool(starts_at or slot_uid)
    for _look in range(1 if is_chosen else LOOKS):
        slot = lock(wanted, Rung.SLOT, skip_locked=True).first()
        if slot is not None:
            slot.state = SlotState.TAKEN
            slot.save(update_fields=["state"])
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


def free_slots(slots: Collection[Slot]) -> None:
    """Give locked places back to the sale."""
    _put(slots, SlotState.FREE)


def block_slots(slots: Collection[Slot]) -> None:
    """Take locked places off the sale for good."""
    _put(slots, SlotState.BLOCKED)


def _put(slots: Collection[Slot], state: SlotState) -> None:
    require_transaction()
    Slot.objects.filter(id__in=[slot.id for slot in slots]).update(state=state)
    for slot in slots:
        slot.state = state
