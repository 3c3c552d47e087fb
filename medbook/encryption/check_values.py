"""Are the keys of this process those that the database was written with?"""

import hmac
from collections.abc import Iterator

from django.apps.registry import Apps, apps
from django.conf import settings
from django.db import OperationalError, connections

from medbook.encryption.blind_index import derived_key
from medbook.encryption.choices import Purpose

MODEL = ("encryption", "EncryptionCheck")
LABEL = "encryption.check"


def record_check_values(*, using: str, apps: Apps = apps, **_signal: object) -> None:
    """Remember keys that the database does not know yet; runs after migrate and flush."""
    try:
        model = apps.get_model(*MODEL)
    except LookupError:  # migrated back to before the table
        return
    model._base_manager.using(using).bulk_create(
        [
            model(purpose=purpose, key_id=key_id, value=value)
            for purpose, key_id, value in _configured()
        ],
        ignore_conflicts=True,
    )


def strange_keys(using: str) -> list[str]:
    """Name the configured keys that differ from those the database knows by the same id."""
    known = _known(using)
    return [
        f"{purpose} key {key_id}"
        for purpose, key_id, value in _configured()
        if not hmac.compare_digest(known.get((purpose, key_id), value), value)
    ]


def unknown_keys(using: str) -> list[str]:
    """Name the configured keys that a migrated database has never seen."""
    known = _known(using)
    return [
        f"{purpose} key {key_id}"
        for purpose, key_id, _value in _configured()
        if known and (purpose, key_id) not in known
    ]


def _configured() -> Iterator[tuple[str, int, bytes]]:
    keys = {Purpose.DATA: settings.DATA_KEYS, Purpose.INDEX: settings.INDEX_KEYS}
    for purpose, by_id in keys.items():
        for key_id, key in sorted(by_id.items()):
            yield purpose.value, key_id, derived_key(key, f"{LABEL}.{purpose}", key_id)


def _known(using: str) -> dict[tuple[str, int], bytes]:
    """Read the check values; none while the database is away or not yet migrated."""
    model = apps.get_model(*MODEL)
    try:
        if model._meta.db_table not in connections[using].introspection.table_names():
            return {}
        rows = model._base_manager.using(using).values_list("purpose", "key_id", "value")
        return {(purpose, key_id): bytes(value) for purpose, key_id, value in rows}
    except OperationalError:
        return {}
