"""Where does a place go that somebody gave back?"""

import random
from collections.abc import Collection
from datetime import datetime

from appointments.rules import booking as rules
from medbook.locks import require_transaction
from scheduling.models import Slot
from scheduling.services.slots import free_slots

_chance = random.SystemRandom()  # nobody can foretell when a sought-after place returns


def return_places(slots: Collection[Slot], now: datetime) -> None:
    """Give locked places back to the sale: sought-after ones at a random later minute."""
    require_transaction()
    for slot in slots:
        returns_at = None
        if slot.schedule.high_demand:
            returns_at = rules.returns_at(slot.starts_at, now, _chance.random())
        free_slots([slot], returns_at)
