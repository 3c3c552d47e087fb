"""May this process start with its keys, and are sealed fields used as they can be?"""

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.admin import ModelAdmin
from django.contrib.admin.sites import all_sites
from django.core import checks
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import connection, models
from django.db.models.constants import LOOKUP_SEP

from medbook.encryption.blind_index import BlindIndexField
from medbook.encryption.check_values import strange_keys, unknown_keys
from medbook.encryption.fields import SealedField
from medbook.encryption.keyring import KEY_BYTES, KEY_IDS

# 32 random bytes hold about 30 different values; a repeated or a typed key gives itself away.
FEWEST_DIFFERENT_BYTES = 16
PRINTABLE = frozenset(range(32, 127))
SEARCH_PREFIXES = "^=@"


def require_sound_keys() -> None:
    """Refuse to go on with keys that would lose or expose data; called where a process starts.

    Leaves no connection open, since the process may be about to fork.
    Raises: ImproperlyConfigured.
    """
    problems = [*check_keys(), *check_known_keys(databases=["default"])]
    if not connection.in_atomic_block:
        connection.close()
    if problems:
        raise ImproperlyConfigured(" ".join(problem.msg for problem in problems))


def check_keys(**_options: object) -> list[checks.CheckMessage]:
    """Check the keys in the settings by themselves."""
    return [checks.Error(problem, id="encryption.E001") for problem in _key_problems()]


def check_known_keys(
    *, databases: Sequence[str] | None = None, **_options: object
) -> list[checks.CheckMessage]:
    """Check the keys against the values that the database remembers of them.

    A key not yet remembered is a warning here, since migrate remembers it; a process that
    serves does not start with one.
    """
    if "default" not in (databases or ()):
        return []
    return [
        *(
            checks.Error(
                f"The {key} is not the one that this database was written with.",
                id="encryption.E002",
            )
            for key in strange_keys("default")
        ),
        *(
            checks.Warning(
                f"The {key} is not known to this database yet: run manage.py migrate.",
                id="encryption.W001",
            )
            for key in unknown_keys("default")
        ),
    ]


def check_fields(**_options: object) -> list[checks.CheckMessage]:
    """Check that labels are unique and that each field has what it needs."""
    fields = list(_local_fields())
    sealed = [field for field in fields if isinstance(field, SealedField)]
    indexes = [field for field in fields if isinstance(field, BlindIndexField)]
    problems = [
        *((field, problem) for field in sealed for problem in _sealed_problems(field)),
        *((field, problem) for field in indexes for problem in _index_problems(field)),
        *_shared_labels(sealed),
        *_shared_labels(indexes),
    ]
    return [checks.Error(f"{why}.", obj=field, id="encryption.E003") for field, why in problems]


def check_admin(**_options: object) -> list[checks.CheckMessage]:
    """Check that the admin neither searches, filters nor sorts by sealed fields."""
    return [
        checks.Error(
            f"{option} names {path!r}, which is sealed: it cannot be searched, filtered or"
            " sorted by.",
            hint="Search by the blind index; take list columns out of sortable_by.",
            obj=type(model_admin),
            id="encryption.E004",
        )
        for site in all_sites
        for model_admin in site._registry.values()
        for option, path in _admin_paths(model_admin)
        if _leads_to_sealed(model_admin.model, path)
    ]


def _key_problems() -> Iterator[str]:
    keys = [
        *((f"data key {key_id}", key_id, key) for key_id, key in settings.DATA_KEYS.items()),
        *((f"index key {key_id}", key_id, key) for key_id, key in settings.INDEX_KEYS.items()),
    ]
    if settings.DATA_KEY_ACTIVE not in settings.DATA_KEYS:
        yield f"The active data key {settings.DATA_KEY_ACTIVE} does not exist."
    for name, key_id, key in keys:
        if key_id not in KEY_IDS:
            yield f"The id of the {name} is outside 1 to {KEY_IDS[-1]}."
        if len(key) != KEY_BYTES:
            yield f"The {name} has {len(key)} bytes instead of {KEY_BYTES}."
    named = [(name, key) for name, _key_id, key in keys] + [("token key", settings.JWT_KEY)]
    if settings.MEDBOOK_ENV != "development":
        for name, key in named:
            if _is_published(key):
                yield f"The {name} is not random: keys of examples and tests protect nothing."
    yield from _shared_keys([*named, ("Django secret", settings.SECRET_KEY.encode())])


def _shared_keys(named: Iterable[tuple[str, bytes]]) -> Iterator[str]:
    users: dict[bytes, str] = {}
    for name, key in named:
        # A secret may be given as text where a key is given as base64 of the same bytes.
        for form in (key, base64.b64encode(key)):
            if users.setdefault(form, name) != name:
                yield f"The {users[form]} and the {name} are the same."
                break


def _is_published(key: bytes) -> bool:
    return len(set(key)) < FEWEST_DIFFERENT_BYTES or PRINTABLE.issuperset(key)


def _local_fields() -> Iterator[models.Field]:
    for model in apps.get_models():
        if not model._meta.proxy:
            yield from model._meta.local_fields


def _shared_labels(
    fields: Sequence[SealedField[Any, Any]] | Sequence[BlindIndexField[Any, Any]],
) -> Iterator[tuple[models.Field, str]]:
    uses = Counter(field.label for field in fields)
    for field in fields:
        if uses[field.label] > 1:
            yield field, f"the label {field.label!r} is used twice"


def _sealed_problems(field: SealedField[Any, Any]) -> Iterator[str]:
    if not field.label:
        yield "a sealed field needs a label"
    if field.unique or field.db_index:  # type: ignore[attr-defined]
        yield "a sealed field cannot be unique or indexed: add a BlindIndexField"
    uid = _field_of(field.model, "uid")
    if not isinstance(uid, models.UUIDField) or not uid.unique or uid.null or not uid.has_default():
        yield "the model needs a unique UUIDField uid with a default"


def _index_problems(field: BlindIndexField[Any, Any]) -> Iterator[str]:
    if not field.label:
        yield "a blind index needs a label"
    if field.normalise is None:
        yield "a blind index needs a rule of spelling (normalise)"
    if not field.of:
        yield "a blind index needs to know what it is of"
    for name in field.of:
        if _field_of(field.model, name) is None:
            yield f"there is no field {name!r}"
    if not 4 <= field.length <= 32:
        yield "the length of a blind index is 4 to 32 bytes"
    if field.key_version not in settings.INDEX_KEYS:
        yield f"there is no index key {field.key_version}"


def _admin_paths(model_admin: ModelAdmin) -> Iterator[tuple[str, str]]:
    sortable = model_admin.sortable_by
    options: dict[str, Iterable[object]] = {
        "search_fields": model_admin.search_fields,
        "ordering": model_admin.ordering or (),
        "list_filter": model_admin.list_filter,
        "list_display": model_admin.list_display if sortable is None else sortable,
    }
    for option, entries in options.items():
        for entry in entries:
            if isinstance(entry, tuple | list):  # (field, filter class)
                entry = entry[0]
            for path in _paths(entry):
                yield option, path


def _paths(entry: object) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry.lstrip("-" + SEARCH_PREFIXES)
    elif isinstance(entry, models.F):
        yield entry.name  # type: ignore[attr-defined]
    elif isinstance(entry, models.expressions.OrderBy):
        for source in entry.get_source_expressions():
            yield from _paths(source)


def _leads_to_sealed(model: type[models.Model] | None, path: str) -> bool:
    for name in path.split(LOOKUP_SEP):
        field = _field_of(model, name) if model else None
        if isinstance(field, SealedField):
            return True
        model = field.related_model if field else None
    return False


def _field_of(model: type[models.Model], name: str) -> Any:
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
