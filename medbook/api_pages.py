"""How are long lists cut into pages?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Model, Q
from django.utils.translation import gettext_lazy
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from medbook.errors import Refused

if TYPE_CHECKING:  # DRF's views ask the settings for classes of this module while they load
    from rest_framework.views import APIView


class MalformedCursor(Refused):
    """A cursor that no page of this list gave out."""

    message = gettext_lazy("The cursor is not one of this list. Start again without it.")


class CursorPages(BasePagination):
    """Pages by signed cursor: next, previous, results.

    `ordering` names columns without nulls, the last of them unique. Rows are found by their
    values, not by counting, so that nothing is doubled or left out when rows come and go.
    """

    page_size = 20
    max_page_size = 100
    ordering: ClassVar[tuple[str, ...]] = ("uid",)

    def paginate_queryset(
        self, queryset: Any, request: Request, view: "APIView | None" = None
    ) -> list[Any]:
        """Return the rows of the page that the cursor names. Raises: MalformedCursor."""
        self.request = request
        ordering = getattr(view, "ordering", self.ordering)
        self.signer = signing.Signer(salt=f"{request.path}|{ordering}")
        size = min(int(request.query_params.get("page_size", self.page_size)), self.max_page_size)
        cursor = request.query_params.get("cursor")
        backward, position = self._read(cursor, len(ordering)) if cursor else (False, None)
        columns = [_turned(column) for column in ordering] if backward else list(ordering)
        rows = queryset.order_by(*columns)
        if position is not None:
            try:
                rows = rows.filter(_beyond(columns, position))
            except (ValueError, ValidationError) as wrong:
                raise MalformedCursor() from wrong
        found = list(rows[: size + 1])
        has_more, found = len(found) > size, found[:size]
        if backward:
            found.reverse()
        more_before = has_more if backward else position is not None
        more_after = backward or has_more
        self.previous = self._link(found[0], ordering, True) if found and more_before else None
        self.next = self._link(found[-1], ordering, False) if found and more_after else None
        return found

    def get_paginated_response(self, data: Any) -> Response:
        """Wrap a page."""
        return Response({"next": self.next, "previous": self.previous, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page."""
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def _read(self, cursor: str, length: int) -> tuple[bool, list[str]]:
        try:
            said = self.signer.unsign_object(cursor)
        except (signing.BadSignature, ValueError) as wrong:
            raise MalformedCursor() from wrong
        if not isinstance(said, list) or len(said) != length + 1:
            raise MalformedCursor()
        return bool(said[0]), said[1:]

    def _link(self, row: Model, ordering: Sequence[str], backward: bool) -> str:
        position = [_text_of(row, column.lstrip("-")) for column in ordering]
        cursor = self.signer.sign_object([int(backward), *position], compress=False)
        here = remove_query_param(self.request.build_absolute_uri(), "cursor")
        return replace_query_param(here, "cursor", cursor)


def _turned(column: str) -> str:
    return column[1:] if column.startswith("-") else f"-{column}"


def _beyond(columns: Sequence[str], position: Sequence[str]) -> Q:
    """Keep the rows that come after a position in the order of several columns."""
    beyond = Q()
    for index, column in enumerate(columns):
        same = {f"{columns[i].lstrip('-')}": position[i] for i in range(index)}
        side = "lt" if column.startswith("-") else "gt"
        beyond |= Q(**same, **{f"{column.lstrip('-')}__{side}": position[index]})
    return beyond


def _text_of(row: Model, column: str) -> str:
    value: Any = row
    for name in column.split("__"):
        value = getattr(value, name)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
