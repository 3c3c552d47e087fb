"""When do missed visits pause online booking, and for how long?"""

from collections.abc import Sequence
from datetime import datetime, timedelta

STRIKES = 3
STRIKES_WITHIN = timedelta(days=90)
PAUSE = timedelta(days=30)


def is_one_of_three(occurred_at: Sequence[datetime], at: datetime) -> bool:
    """Tell whether an instant lies among three missed visits within 90 days, which pause booking.

    Visits may be noted in another order than they were missed in.
    Source: terms of use, missed visits.
    """
    near = sorted(each for each in occurred_at if abs(each - at) < STRIKES_WITHIN)
    return any(
        first <= at <= last and last - first < STRIKES_WITHIN
        for first, last in zip(near, near[STRIKES - 1 :], strict=False)
    )
