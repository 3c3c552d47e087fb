"""Is the whole database as it must be?"""

from medbook import clock
from reports.selectors import broken_invariants


def check_invariants():
    """Fail, naming each truth that does not hold and the rows that break it."""
    broken = broken_invariants(now=clock.now(), workers_run=False)
    assert broken == {}, broken
