"""Let many do something at the same instant, each on a connection of its own."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Barrier

from django.db import connection, connections

from medbook.errors import DomainError


def together(*acts, threads=64):
    """Run acts at once, at most so many at a time; return what each returned or raised."""
    start = Barrier(min(threads, len(acts)))

    def run(act):
        try:
            return act()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(start.parties, initializer=start.wait, initargs=(30,)) as pool:
        return list(pool.map(run, acts))


def meeting(function, callers=2):
    """Wrap a function so that nobody goes on with its answer before so many callers have one.

    It stands where a lock is taken away: what the lock prevents then happens every time.
    """
    all_have_looked = Barrier(callers, timeout=30)

    def look(*args, **kwargs):
        answer = function(*args, **kwargs)
        all_have_looked.wait()
        return answer

    return look


def counted(outcomes):
    """Count outcomes: refusals by code, other errors by name, everything else as done."""
    return Counter(
        outcome.code
        if isinstance(outcome, DomainError)
        else type(outcome).__name__
        if isinstance(outcome, Exception)
        else "done"
        for outcome in outcomes
    )


def at_once(act, arguments):
    """Call `act` with each argument at once; name the types of what came back or was raised."""
    acts = (partial(act, argument) for argument in arguments)
    return [type(outcome).__name__ for outcome in together(*acts)]


@contextmanager
def without_index(name):
    """Take a unique index away, and put it back over whatever rows are there by then."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [name])
        (definition,) = cursor.fetchone()
        cursor.execute(f'DROP INDEX "{name}"')
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(definition)
