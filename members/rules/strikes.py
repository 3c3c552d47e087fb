"""When do missed visits pause online booking, and for how long?"""

from collections.abc import Sequence
from datetime import datetime, timedelta

STRIKES = 3
STRIKES_WITHIN = timedelta(days=90)
PAUSE = timedelta(days=30)


def is_third_strike(occurred_at: Sequence[datetime], at: datetime) -> bool:
    """Tell whether missed visits pause booking at an instant: three within 90 days up to it.

    Source: terms of use, missed visits.
    """
    counting = [each for each in occurred_at if at - STRIKES_WITHIN < each <= at]
    return len(counting) >= STRIKES
