"""How long is somebody kept out who has failed too often to sign in?"""

from dataclasses import dataclass
from datetime import timedelta

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)  # never for good: a stranger could shut out anybody


@dataclass(frozen=True)
class Axis:
    """Failures that are counted together: so many are free, every `step` more doubles the pause."""

    free: int
    step: int
    memory: timedelta


# One account at one place, one account from everywhere, one place over all accounts: a clinic's
# whole waiting room may share an address, and a stranger shall hardly lock somebody else out.
ACCOUNT_AT_PLACE = Axis(free=5, step=1, memory=timedelta(days=1))
ACCOUNT = Axis(free=30, step=6, memory=timedelta(days=1))
PLACE = Axis(free=50, step=10, memory=timedelta(hours=1))


def pause(axis: Axis, failures: int) -> timedelta:
    """Tell how long after the last failure the next try has to wait.

    Source: NIST SP 800-63B 5.2.2, throttling by an increasing wait; the numbers are ours.
    """
    if failures < axis.free:
        return timedelta(0)
    doublings = min((failures - axis.free) // axis.step, 10)
    factor: int = 2**doublings
    return min(FIRST_PAUSE * factor, LONGEST_PAUSE)
