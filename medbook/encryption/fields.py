"""How does a model hold a value that the database may not read?"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from uuid import UUID

from django.core.exceptions import FieldError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col
from django.db.models.query_utils import DeferredAttribute
from django.db.models.sql.compiler import SQLCompiler
from django.utils.translation import gettext

from medbook.encryption import keyring
from medbook.encryption.sealing import IntegrityFailure, key_id_of, open_sealed, seal

if TYPE_CHECKING:
    from django.db.models import Field as BinaryField  # whose stub fixes the types of values
    from django.db.models.sql.compiler import _AsSqlType
else:

    class BinaryField(models.BinaryField):
        """Take the type parameters that only type checkers read."""

        def __class_getitem__(cls, _types):
            return cls


HIDDEN = "•••"

_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)
T = TypeVar("T")
Mask = Callable[[Any], str]


class Ciphertext(bytes):
    """Sealed bytes on their way into the database; the fields write nothing else."""


class Sealed(Generic[T]):
    """A value that stays closed until `reveal` is called; as text it shows its mask."""

    __slots__ = ("_ciphertext", "_plaintext", "_row", "field")

    def __init__(
        self,
        field: "SealedField[Any, Any]",
        *,
        ciphertext: bytes = b"",
        plaintext: bytes | None = None,
        row: models.Model | None = None,
    ) -> None:
        self.field = field
        self._ciphertext = ciphertext
        self._plaintext = plaintext  # of a value just assigned and not yet sealed
        self._row = row

    def reveal(self) -> T:
        """Open the value.

        Raises: KeyUnavailable, IntegrityFailure.
        """
        return cast(T, self.field.from_plaintext(self._opened()))

    def __str__(self) -> str:
        mask = self.field.mask
        if mask is None or (self._plaintext is None and self._row is None):
            return HIDDEN
        try:
            return mask(self.reveal())
        except IntegrityFailure:
            return gettext("unavailable")

    def __repr__(self) -> str:
        try:
            key_id = str(self.key_id)
        except IntegrityFailure:
            key_id = "?"
        return f"<sealed {self.field.label} k={key_id}>"

    def __reduce__(self) -> str:
        raise TypeError("Sealed values are not pickled: caches and queues hold no personal data.")

    def __copy__(self) -> "Sealed[T]":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Sealed[T]":
        return self

    @property
    def key_id(self) -> int:
        """Tell which key holds the value, or will hold it once saved.

        Raises: IntegrityFailure.
        """
        return keyring.active_id() if self._plaintext is not None else key_id_of(self._ciphertext)

    @property
    def ciphertext(self) -> bytes:
        """Return the bytes as the database holds them; empty before the first save."""
        return self._ciphertext

    def is_new_to(self, row: models.Model) -> bool:
        """Tell whether saving the row will seal the value anew."""
        if self._plaintext is not None:
            return True
        return self._row is not None and self._row is not row and uid_of(self._row) != uid_of(row)

    def of(self, row: models.Model) -> "Sealed[T]":
        """Bind a value just loaded to its row; one that came from elsewhere stays as it is."""
        if self._row is not None or self._plaintext is not None:
            return self
        return Sealed(self.field, ciphertext=self._ciphertext, row=row)

    def freed_from(self, row: models.Model) -> "Sealed[T]":
        """Drop the reference to the row that holds the value, or to a second copy of it."""
        is_known = row._meta.pk.attname in row.__dict__  # not while the row is being made
        if self._row is row or (is_known and self._row == row):
            return Sealed(self.field, ciphertext=self._ciphertext)
        return self

    def for_row(self, row: models.Model, *, is_insert: bool) -> Ciphertext:
        """Give the bytes to write: sealed anew for a new value or another row, else as they were.

        Raises: KeyUnavailable, IntegrityFailure.
        """
        uid = uid_of(row)
        if self.is_new_to(row):
            return Ciphertext(seal(self.field.label, uid, self._opened()))
        if is_insert:  # a copied row with a uid of its own could never be opened again
            open_sealed(self.field.label, uid, self._ciphertext)
        return Ciphertext(self._ciphertext)

    def _opened(self) -> bytes:
        if self._plaintext is not None:
            return self._plaintext
        if self._row is None:
            raise TypeError(f"{self!r} came without its row (values()?): load the row to open it.")
        return open_sealed(self.field.label, uid_of(self._row), self._ciphertext)


class SealedAttribute(DeferredAttribute):
    """Take plain values, hand out sealed ones."""

    field: "SealedField[Any, Any]"

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        kept = super().__get__(instance, cls)
        return kept.of(instance) if isinstance(kept, Sealed) and instance else kept

    def __set__(self, instance: models.Model, value: object) -> None:
        instance.__dict__[self.field.attname] = self.field.sealed(value, instance)


class SealedCol(Col):
    """A column that cannot be sorted by: the order of ciphertexts says nothing."""

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> "_AsSqlType":
        """Refuse to be compiled in a query ordered by this column."""
        query = compiler.query
        ordering: Sequence[Any] = query.order_by
        if not ordering and query.default_ordering:
            ordering = query.get_meta().ordering or ()
        for name in _names(ordering):
            try:
                _path, field, *_rest = query.names_to_path(name.split("__"), query.get_meta())
            except FieldError:  # the name of an annotation
                continue
            if field is self.target:
                raise FieldError(f"{field} is sealed: it cannot be sorted by.")
        return super().as_sql(compiler, connection)


class SealedField(BinaryField[_ST, _GT]):
    """A column of sealed values, bound to the label and to the uid of the row.

    `label` is part of what is sealed: it never changes, whatever the field or model is renamed to.
    `mask` turns the plain value into what lists and logs may show.
    """

    descriptor_class = SealedAttribute
    kind: type[Any]
    read: Callable[[str], Any]

    def __init__(
        self, *args: Any, label: str = "", mask: Mask | None = None, **options: Any
    ) -> None:
        self.label = label
        self.mask = mask
        super().__init__(*args, **options)

    def to_plaintext(self, value: Any) -> bytes:
        """Turn an assigned value into bytes.

        Raises: TypeError.
        """
        if not isinstance(value, self.kind) or isinstance(value, datetime):
            raise TypeError(f"{self} takes {self.kind.__name__}, not {type(value).__name__}.")
        return str(value).encode()

    def from_plaintext(self, plaintext: bytes) -> Any:
        """Turn bytes back into the value that was assigned."""
        return self.read(plaintext.decode())

    def sealed(self, value: object, row: models.Model) -> Sealed[Any] | None:
        """Make what the row keeps of an assigned value.

        Raises: TypeError.
        """
        if value is None:
            return None
        if not isinstance(value, Sealed):
            return Sealed(self, plaintext=self.to_plaintext(value))
        if value.field.label != self.label:
            return Sealed(self, plaintext=self.to_plaintext(value.reveal()))
        return value.freed_from(row)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """Keep the label in migrations; masks stay out, so that rules may move."""
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "label": self.label}

    def from_db_value(self, value: Any, *_context: object) -> Sealed[Any] | None:
        """Wrap what the database holds, without opening it."""
        return None if value is None else Sealed(self, ciphertext=bytes(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Ciphertext | None:
        """Seal a new value; pass on an old one untouched.

        Raises: KeyUnavailable.
        """
        value: Sealed[Any] | None = getattr(model_instance, self.attname)
        return None if value is None else value.for_row(model_instance, is_insert=add)

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        """Let nothing through that was not sealed for its row.

        Raises: FieldError.
        """
        if value is not None and not isinstance(value, Ciphertext):
            raise self._refusal("is written by save() and bulk_create() only")
        return super().get_db_prep_value(value, connection, prepared)

    def get_placeholder(
        self, value: Any, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> Any:
        """Refuse expressions, which update() and bulk_update() bring.

        Raises: FieldError.
        """
        if hasattr(value, "resolve_expression"):
            raise self._refusal("is written by save() and bulk_create() only")
        return super().get_placeholder(value, compiler, connection)  # type: ignore[misc]

    def get_lookup(self, lookup_name: str) -> Any:
        """Compare with NULL only.

        Raises: FieldError.
        """
        if lookup_name != "isnull":
            raise self._refusal("can only be filtered by isnull; filter by its blind index")
        return super().get_lookup(lookup_name)

    def get_transform(self, lookup_name: str) -> Any:
        """Refuse all transforms.

        Raises: FieldError.
        """
        raise self._refusal("can only be filtered by isnull; filter by its blind index")

    def get_col(self, alias: str, output_field: Any = None) -> Col:
        """Refer to the column in a way that cannot be sorted by."""
        return SealedCol(alias, self, output_field)

    def to_python(self, value: Any) -> Any:
        """Pass sealed values on; fixtures hold none.

        Raises: FieldError.
        """
        if value is None or isinstance(value, Sealed):
            return value
        raise self._refusal("is not loaded from fixtures")

    def value_to_string(self, obj: models.Model) -> str:
        """Say in a dump that there is a value, not which."""
        return repr(self.value_from_object(obj))

    def formfield(self, **_options: Any) -> None:
        """Stay out of forms."""

    def _refusal(self, why: str) -> FieldError:
        return FieldError(f"{self} is sealed: it {why}.")


class SealedTextField(SealedField[_ST, _GT]):
    """A sealed text, in UTF-8; an empty one is sealed too."""

    _pyi_private_set_type: str | Sealed[str]
    _pyi_private_get_type: Sealed[str]

    kind = str
    read = staticmethod(str)


class SealedDateField(SealedField[_ST, _GT]):
    """A sealed date without a time, as YYYY-MM-DD."""

    _pyi_private_set_type: date | Sealed[date]
    _pyi_private_get_type: Sealed[date]

    kind = date
    read = staticmethod(date.fromisoformat)


class SealedBytesField(SealedField[_ST, _GT]):
    """Sealed bytes, such as a small file."""

    _pyi_private_set_type: bytes | Sealed[bytes]
    _pyi_private_get_type: Sealed[bytes]

    kind = bytes

    def to_plaintext(self, value: Any) -> bytes:
        """Take bytes as they are.

        Raises: TypeError.
        """
        if not isinstance(value, bytes):
            raise TypeError(f"{self} takes bytes, not {type(value).__name__}.")
        return value

    def from_plaintext(self, plaintext: bytes) -> Any:
        """Give the bytes back as they were."""
        return plaintext


def uid_of(row: models.Model) -> UUID:
    """Tell the uid to which the sealed values of a row are bound."""
    uid = cast(Any, row).uid
    return uid if isinstance(uid, UUID) else UUID(str(uid))


def _names(ordering: Sequence[Any]) -> Iterator[str]:
    for item in ordering:
        if isinstance(item, str):
            yield item.lstrip("-+")
        elif isinstance(item, models.F):
            yield item.name  # type: ignore[attr-defined]
        elif item is not None:
            yield from _names(item.get_source_expressions())
