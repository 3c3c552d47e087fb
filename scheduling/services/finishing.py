"""When is a session over for everybody?"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from medbook.audit.choices import Action
from medbook.audit.services import entry, record_events
from medbook.locks import Rung, lock, retry_on_conflict
from scheduling.choices import ScheduleState, SlotState
from scheduling.models import Schedule, Slot

BATCH = 500


@retry_on_conflict
@transaction.atomic(durable=True)
def finish_schedules(*, grace: timedelta, now: datetime) -> int:
    """Finish published sessions that ended at least a grace ago; tell how many.

    One of which a place is still taken or offered goes on until that is settled. At most 500, the
    longest over first; one that somebody works on is left for the next sweep. The version stays:
    nothing of what was planned has changed.
    """
    in_use = Slot.objects.filter(
        schedule=OuterRef("pk"), state__in=(SlotState.TAKEN, SlotState.OFFERED)
    )
    over = Schedule.objects.published().filter(~Exists(in_use), ends_at__lte=now - grace)
    ordered = over.order_by("ends_at", "id")
    found = list(lock(ordered, Rung.SCHEDULE, skip_locked=True)[:BATCH])
    Schedule.objects.filter(pk__in=[schedule.pk for schedule in found]).update(
        state=ScheduleState.FINISHED
    )
    record_events(entry(Action.SCHEDULE_FINISHED, subject=schedule) for schedule in found)
    return len(found)
