"""How is a sealed value found again?"""

import functools
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.core.exceptions import FieldError
from django.db import models

from medbook.encryption import keyring
from medbook.encryption.fields import Sealed

if TYPE_CHECKING:
    from django.db.models import Field as BinaryField  # whose stub fixes the types of values
else:
    from medbook.encryption.fields import BinaryField

FULL_LENGTH = 32
LOOKUPS = ("exact", "in", "isnull")

_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)


class BlindIndexField(BinaryField[_ST, _GT]):
    """A keyed hash of one or several attributes of the row, computed whenever they are saved.

    `normalise` takes their plain values in order and returns the one spelling that is hashed.
    A `length` under 32 bytes makes different values collide on purpose: check after opening.
    One column holds one `key_version`: a new key comes in a new column.
    """

    _pyi_private_set_type: bytes
    _pyi_private_get_type: bytes
    _pyi_lookup_exact_type: str | tuple[Any, ...] | bytes

    def __init__(
        self,
        *args: Any,
        of: str | Sequence[str] = (),
        label: str = "",
        normalise: Callable[..., str] | None = None,
        length: int = FULL_LENGTH,
        key_version: int = 1,
        **options: Any,
    ) -> None:
        self.of: tuple[str, ...] = (of,) if isinstance(of, str) else tuple(of)
        self.label = label
        self.normalise = normalise
        self.length = length
        self.key_version = key_version
        super().__init__(*args, **options)

    def digest(self, *values: Any) -> bytes:
        """Hash the plain values as the column holds them.

        Raises: KeyUnavailable, and whatever `normalise` raises for values it cannot read.
        """
        if self.normalise is None:
            raise TypeError(f"{self} has no rule of spelling here (a migration's model?).")
        key = derived_key(keyring.index_key(self.key_version), self.label, self.key_version)
        content = self.label.encode() + b"\0" + self.normalise(*values).encode()
        return hmac.digest(key, content, hashlib.sha256)[: self.length]

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """Keep in migrations what identifies the index; the rule of spelling stays out."""
        name, path, args, options = super().deconstruct()
        ours: dict[str, Any] = {"of": self.of, "label": self.label}
        if self.length != FULL_LENGTH:
            ours["length"] = self.length
        if self.key_version != 1:
            ours["key_version"] = self.key_version
        return name, path, args, options | ours

    def contribute_to_class(
        self, cls: type[models.Model], name: str, private_only: bool = False
    ) -> None:
        """Join the model and see to it that partial saves include the index."""
        super().contribute_to_class(cls, name, private_only)
        _save_indexes_with_their_sources(cls)

    def pre_save(self, model_instance: models.Model, add: bool) -> bytes | None:
        """Hash anew where a source has changed; else keep the value, opening nothing.

        Raises: KeyUnavailable.
        """
        known: bytes | None = model_instance.__dict__.get(self.attname)
        if known is None or self._is_stale(model_instance):
            known = self._computed(model_instance)
            setattr(model_instance, self.attname, known)
        return known

    def from_db_value(self, value: Any, *_context: object) -> bytes | None:
        """Give plain bytes, which compare and hash."""
        return None if value is None else bytes(value)

    def get_prep_value(self, value: Any) -> bytes | None:
        """Hash what a filter asks for; bytes are a digest already."""
        if value is None or isinstance(value, bytes):
            return value
        if isinstance(value, tuple):
            return self.digest(*value)
        return self.digest(value)

    def get_lookup(self, lookup_name: str) -> Any:
        """Find equal values only.

        Raises: FieldError.
        """
        if lookup_name not in LOOKUPS:
            raise FieldError(f"{self} is a blind index: it answers {', '.join(LOOKUPS)} only.")
        return super().get_lookup(lookup_name)

    def _is_stale(self, row: models.Model) -> bool:
        loaded = [getattr(row, name) for name in self.of if name not in row.get_deferred_fields()]
        return any(not isinstance(value, Sealed) or value.is_new_to(row) for value in loaded)

    def _computed(self, row: models.Model) -> bytes | None:
        values = [getattr(row, name) for name in self.of]
        if any(value is None for value in values):
            return None
        return self.digest(*(v.reveal() if isinstance(v, Sealed) else v for v in values))


def _save_indexes_with_their_sources(model: type[models.Model]) -> None:
    """Widen update_fields on the way: a stale index would lose the row, or keep it findable."""
    plain_save = model.save_base
    if getattr(plain_save, "saves_indexes", False):
        return

    @functools.wraps(plain_save)
    def save_base(self: models.Model, *args: Any, **options: Any) -> None:
        if named := options.get("update_fields"):
            options["update_fields"] = frozenset(named).union(
                field.name
                for field in self._meta.concrete_fields
                if isinstance(field, BlindIndexField) and not named.isdisjoint(field.of)
            )
        plain_save(self, *args, **options)

    save_base.saves_indexes = True  # type: ignore[attr-defined]
    model.save_base = save_base  # type: ignore[method-assign]


@functools.lru_cache(maxsize=64)
def derived_key(root: bytes, label: str, version: int) -> bytes:
    """Derive the key of one purpose by HKDF-SHA256."""
    info = label.encode() + b"\0" + str(version).encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(root)
