"""Who on the waitlist is asked first about a place?"""

from datetime import datetime

from appointments.models import WaitlistEntry
from appointments.selectors.wishes import fitting_wishes, skip_reasons
from medbook.locks import Rung, lock
from scheduling.models import Slot

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


def lock_wish(wish: WaitlistEntry) -> WaitlistEntry | None:
    """Lock a wish that still waits; None where another transaction has it, or it has ended."""
    waiting = WaitlistEntry.objects.waiting().filter(pk=wish.pk)
    return lock(waiting, Rung.WAITLIST, skip_locked=True).first()
