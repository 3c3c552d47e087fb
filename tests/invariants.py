"""Is the whole database as it must be?"""

from medbook import clock
from reports.selectors import broken_invariants


def check_invariants(besides=()):
    """Fail, naming each truth that does not hold and the rows that break it."""
    found = broken_invariants(now=clock.now(), workers_run=False)
    broken = {name: rows for name, rows in found.items() if name not in besides}
    assert broken == {}, broken
