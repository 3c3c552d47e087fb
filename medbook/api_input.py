"""How strictly are the bodies and queries of API requests read?"""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions, serializers, status
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from medbook.errors import Refused


class UnknownParameter(Refused):
    """A query parameter that the address does not know, or one given twice."""

    message = gettext_lazy("The parameter “%(parameter)s” is not known here, or was given twice.")


class IdempotencyKeyRequired(Refused):
    """A write that must not happen twice came without its key."""

    message = gettext_lazy("Send an Idempotency-Key header, so that this cannot happen twice.")


class TooLarge(exceptions.APIException):
    """The body is over 1 MiB."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = gettext_lazy("The body is too large; at most 1 MiB is read.")


class StrictJSONParser(JSONParser):
    """Read JSON; refuse what parsers read differently: doubled keys, NaN, depth without end."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge()
        try:
            said = json.loads(
                body.decode(),
                object_pairs_hook=_unique,
                parse_constant=_no_constant,
                parse_float=_finite,
            )
        except (ValueError, RecursionError) as wrong:
            raise exceptions.ParseError(_("The body is not well-formed JSON.")) from wrong
        if b"\\u" in body:
            _require_whole_characters(said)
        return said


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("doubled key")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


def _require_whole_characters(said: Any) -> None:
    """Refuse half a surrogate pair: no database and no answer could hold it."""
    try:
        json.dumps(said, ensure_ascii=False).encode()
    except UnicodeEncodeError as wrong:
        raise exceptions.ValidationError(
            _("The body holds half a character."), "surrogate_characters_not_allowed"
        ) from wrong


class InstantField(serializers.DateTimeField):
    """An instant; without an offset from UTC it is refused."""

    default_error_messages = {"no_offset": gettext_lazy("The time needs an offset from UTC.")}

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("no_offset")
        return super().enforce_timezone(value)


class MoneyField(serializers.DecimalField):
    """An amount, as a string with two decimals."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=12, decimal_places=2, **kwargs)


class StrictSerializer(serializers.Serializer):
    """A body read to the letter: unknown fields and wrong JSON types are refused."""

    default_error_messages = {
        "unknown_field": gettext_lazy("Unknown field."),
        "wrong_type": gettext_lazy("The value has the wrong JSON type."),
    }

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            wrong = {name: code for name in data if (code := self._complaint(name, data[name]))}
            if wrong:
                raise serializers.ValidationError(
                    {
                        name: [exceptions.ErrorDetail(str(self.error_messages[code]), code)]
                        for name, code in wrong.items()
                    }
                )
        return super().to_internal_value(data)

    def _complaint(self, name: str, value: Any) -> str | None:
        field = self.fields.get(name)
        if field is None or field.read_only:
            return "unknown_field"
        expected = _json_type(field)
        if value is None or expected is None or type(value) is expected:
            return None
        return "wrong_type"


def _json_type(field: serializers.Field) -> type | None:
    """Tell the Python type of a field's JSON value; None where the field judges by itself."""
    if isinstance(field, serializers.BooleanField):
        return bool
    if isinstance(field, serializers.IntegerField):
        return int
    own_judges = (serializers.BaseSerializer, serializers.ListField, serializers.DictField)
    return None if isinstance(field, (*own_judges, serializers.FloatField)) else str


class NoBody(StrictSerializer):
    """The body of a request that says everything by its address: {} or none."""


class StrictQuery(serializers.Serializer):
    """The query parameters of an address. Unknown or doubled ones: 400; wrong values: 422."""

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        """Read what was asked; a parameter that was left out is left out here, too."""
        asked = cls(data=request.query_params.dict(), context={"request": request})
        for name, values in request.query_params.lists():
            if name not in asked.fields or len(values) > 1:
                raise UnknownParameter(parameter=name)
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)


class PageQuery(StrictQuery):
    """The query parameters of a list in pages."""

    cursor = serializers.CharField(required=False, max_length=500)
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=100)


class PeriodQuery(PageQuery):
    """A list in pages within dates, both included."""

    to = serializers.DateField(required=False, source="last_day")

    def get_fields(self) -> dict[str, Any]:
        """Add `from`, which is no name in Python."""
        first_day = serializers.DateField(required=False, source="first_day")
        return {**super().get_fields(), "from": first_day}

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Refuse a period that ends before it begins."""
        return in_order(asked, "first_day", "last_day", named="to")


def in_order(asked: dict[str, Any], first: str, last: str, *, named: str) -> dict[str, Any]:
    """Refuse a period that ends before it begins. Raises: ValidationError."""
    if {first, last} <= asked.keys() and asked[last] < asked[first]:
        text = _("The period ends before it begins.")
        raise serializers.ValidationError({named: [exceptions.ErrorDetail(text, "contradiction")]})
    return asked


def idempotency_key(request: Request, *, is_required: bool = True) -> str:
    """Read the key of a write that must not happen twice; "" where it is left out and may be.

    Raises: IdempotencyKeyRequired, ValidationError.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key and is_required:
        raise IdempotencyKeyRequired()
    if key and not re.fullmatch(r"[\x20-\x7e]{1,255}", key):
        raise exceptions.ValidationError(
            {"Idempotency-Key": [_("Use 1 to 255 printable ASCII characters.")]}
        )
    return key
