"""How does a session get one place more for somebody who is here?"""

from datetime import datetime

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, require_transaction
from members.models import User
from scheduling.choices import SlotState
from scheduling.models import Schedule, Slot


def add_extra_place(
    schedule: Schedule, *, starts_at: datetime, ends_at: datetime, by: User
) -> Slot:
    """Raise the capacity of a locked session by one and return the new place, taken.

    In the caller's transaction. A place that a smaller capacity had closed before is skipped: it
    stays closed.
    """
    require_transaction()
    numbers = Slot.objects.filter(schedule=schedule).order_by("id")
    last = max((slot.number for slot in lock(numbers, Rung.SLOT)), default=0)
    schedule.max_appointments = max(schedule.max_appointments, last) + 1
    schedule.version += 1
    schedule.save(update_fields=["max_appointments", "version"])
    slot = Slot.objects.create(
        schedule=schedule,
        number=schedule.max_appointments,
        starts_at=starts_at,
        ends_at=ends_at,
        state=SlotState.TAKEN,
    )
    record_event(
        Action.SCHEDULE_CHANGED,
        subject=schedule,
        by=by,
        changed=["max_appointments"],
        reason="extra_place",
    )
    return slot
