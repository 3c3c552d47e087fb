"""Let many do something at the same instant, each on a connection of its own."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connections

from medbook.errors import DomainError


def together(*acts):
    """Run all acts at once; return what each returned, or the refusal it met."""
    start = Barrier(len(acts))

    def run(act):
        try:
            start.wait(timeout=30)
            return act()
        except DomainError as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def counted(outcomes):
    """Count outcomes by refusal code; everything else is 'done'."""
    return Counter(
        outcome.code if isinstance(outcome, DomainError) else "done" for outcome in outcomes
    )
