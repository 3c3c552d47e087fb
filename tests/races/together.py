"""Let many do something at the same instant, each on a connection of its own."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connections

from medbook.errors import DomainError


def together(*acts, threads=64):
    """Run acts at once, at most so many at a time; return what each returned or its refusal."""
    start = Barrier(min(threads, len(acts)))

    def run(act):
        try:
            return act()
        except DomainError as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(start.parties, initializer=start.wait, initargs=(30,)) as pool:
        return list(pool.map(run, acts))


def counted(outcomes):
    """Count outcomes by refusal code; everything else is 'done'."""
    return Counter(
        outcome.code if isinstance(outcome, DomainError) else "done" for outcome in outcomes
    )
