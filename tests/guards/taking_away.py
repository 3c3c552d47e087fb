"""Take a guard of the database away for a while; what it let in goes before it is back."""

from contextlib import contextmanager

from django.db import connection


@contextmanager
def without_constraint(model, name):
    """Take a constraint away, and put it back over an empty table."""
    constraint = next(c for c in model._meta.constraints if c.name == name)
    with connection.schema_editor() as editor:
        editor.remove_constraint(model, constraint)
    try:
        yield
    finally:
        _empty()
        with connection.schema_editor() as editor:
            editor.add_constraint(model, constraint)


@contextmanager
def without_trigger(table, name, mode=""):
    """Switch a trigger off for a while, and on again in its mode (ALWAYS: for replicas too)."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
    try:
        yield
    finally:
        _empty()
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} ENABLE {mode} TRIGGER {name}")


def _empty():
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE appointments_appointment, appointments_waitlistentry, scheduling_slot,"
            " idempotency_idempotencykey CASCADE"
        )
