"""How do sealed values move to the active key while the clinic is at work?"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import F, Func
from django.db.models.constants import LOOKUP_SEP

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.encryption import keyring
from medbook.encryption.fields import SealedField, uid_of
from medbook.encryption.sealing import (
    HEADER,
    IntegrityFailure,
    header_of,
    open_sealed,
    seal,
)

# A pass that found only rows locked by others waits this long; so many in a row end the work.
IDLE_SECONDS = 0.5
IDLE_PASSES = 20

Field = SealedField[Any, Any]


@dataclass(frozen=True)
class Batch:
    """What one transaction did, and after which primary key the next one goes on."""

    rotated: int
    damaged: int
    last_pk: Any


@dataclass(frozen=True)
class Progress:
    """How far the rotation of one field has come."""

    rotated: int
    damaged: int
    left: int


def sealed_fields() -> dict[str, Field]:
    """Find the sealed fields of all tables by label."""
    return {
        field.label: field
        for model in apps.get_models()
        if not model._meta.proxy
        for field in model._meta.local_fields
        if isinstance(field, SealedField)
    }


def rotate_field(*, field: Field, size: int, pause_seconds: float) -> Iterator[Progress]:
    """Seal the values of a field anew until the active key holds them all; tell after each batch.

    May be stopped and run again at any moment. Ends with `left` > 0 if values are damaged or rows
    stay locked. Raises: KeyUnavailable.
    """
    rotated, idle_passes, left = 0, 0, values_left(field)
    while left and idle_passes < IDLE_PASSES:
        in_pass, damaged, last_pk = 0, 0, None
        while (batch := rotate_batch(field=field, after=last_pk, size=size)).last_pk is not None:
            in_pass, damaged = in_pass + batch.rotated, damaged + batch.damaged
            last_pk = batch.last_pk
            yield Progress(rotated + in_pass, damaged, max(left - in_pass, damaged))
            time.sleep(pause_seconds)
        rotated, left = rotated + in_pass, values_left(field)
        idle_passes = 0 if in_pass else idle_passes + 1
        yield Progress(rotated, damaged, left)
        if left == damaged:
            break
        if idle_passes:
            time.sleep(IDLE_SECONDS)


@transaction.atomic(durable=True)
def rotate_batch(*, field: Field, after: Any, size: int) -> Batch:
    """Seal the next values anew, passing over rows that somebody is working on.

    Raises: KeyUnavailable.
    """
    rows = _waiting(field).order_by("pk")
    if after is not None:
        rows = rows.filter(pk__gt=after)
    locked = rows.only("uid", field.name).select_for_update(skip_locked=True, no_key=True)[:size]
    renewed, damaged, last_pk = [], 0, None
    for row in locked:
        last_pk = row.pk
        old = getattr(row, field.name).ciphertext
        try:
            plaintext = open_sealed(field.label, uid_of(row), old)
        except IntegrityFailure:  # logged there; left as it is for whoever repairs it
            damaged += 1
        else:
            renewed.append((seal(field.label, uid_of(row), plaintext), row.pk, old))
    rotated = write_if_unchanged(field, renewed) if renewed else 0
    return Batch(rotated, damaged, last_pk)


def values_left(field: Field) -> int:
    """Count the values that another key than the active one holds."""
    return _waiting(field).count()


def _waiting(field: Field) -> models.QuerySet[Any]:
    header = Func(
        F(field.name),
        1,
        HEADER.size,
        function="SUBSTR",
        output_field=models.BinaryField(),
    )
    waiting: models.QuerySet[Any] = (
        field.model._base_manager.filter(**{f"{field.name}{LOOKUP_SEP}isnull": False})
        .annotate(sealed_header=header)
        .exclude(sealed_header=header_of(keyring.active_id()))
    )
    return waiting


def write_if_unchanged(field: Field, renewed: list[tuple[bytes, Any, bytes]]) -> int:
    """Write values (new, primary key, old) over the old ones, and record how many it were."""
    quote = connection.ops.quote_name
    table, column = quote(field.model._meta.db_table), quote(str(field.column))
    pk = quote(str(field.model._meta.pk.column))
    with connection.cursor() as cursor:
        cursor.executemany(  # names come from the models; the values are parameters
            f"UPDATE {table} SET {column} = %s WHERE {pk} = %s AND {column} = %s",  # noqa: S608
            renewed,
        )
        rotated = cursor.rowcount
    record_event(
        Action.KEY_ROTATED,
        facts={"label": field.label, "key_id": keyring.active_id(), "rows": rotated},
    )
    return int(rotated)
