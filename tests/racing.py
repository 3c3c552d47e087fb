"""Run the same thing in several threads at once, each with its own connection."""

import threading
from contextlib import contextmanager

from django.db import connection


def at_once(act, arguments):
    """Call `act` with each argument from a barrier on; name what came back or was raised."""
    start = threading.Barrier(len(arguments), timeout=10)
    outcomes = [None] * len(arguments)

    def run(place, argument):
        try:
            start.wait()
            outcomes[place] = type(act(argument)).__name__
        except Exception as error:
            outcomes[place] = type(error).__name__
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(arguments)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return outcomes


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
