"""What does every API endpoint do alike?"""

from collections.abc import Callable
from typing import Any, ClassVar

from django.utils.cache import get_conditional_response, patch_cache_control, set_response_etag
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from medbook.api_input import StrictQuery


class Endpoint(GenericAPIView):
    """One address: reads its query and body strictly, pages its lists, marks the catalogue.

    A subclass names its `permission_classes`, one function per method, and where it needs them
    `query` (for GET), `ordering` and `serializer_class` (for lists in pages).
    """

    query: ClassVar[type[StrictQuery]] = StrictQuery
    ordering: ClassVar[tuple[str, ...]] = ("uid",)
    is_catalogue: ClassVar[bool] = False  # may be kept by caches that ask again each time
    asked: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the caller in, then read the query. Raises: UnknownParameter, ValidationError."""
        super().initial(request, *args, **kwargs)
        reader = self.query if request.method in ("GET", "HEAD") else StrictQuery
        self.asked = reader.read(request)

    def said(self, body: type[Any]) -> dict[str, Any]:
        """Read the body with a serializer. Raises: ValidationError."""
        reader = body(data=self.request.data, context=self.get_serializer_context())
        reader.is_valid(raise_exception=True)
        return dict(reader.validated_data)

    def paged(self, rows: Any, prepared: Callable[[list[Any]], list[Any]] = list) -> Response:
        """Answer the page of rows that was asked for, each rendered by `serializer_class`.

        `prepared` completes the rows of the page, with as many queries for one as for all.
        """
        found = self.paginate_queryset(rows)
        return self.get_paginated_response(
            self.get_serializer(prepared(list(found or [])), many=True).data
        )

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Any:
        """Let catalogue answers be kept and compared; the middleware forbids it to all others."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if self.is_catalogue and answer.status_code == 200:
            who = {"private": True} if request.auth else {"public": True}
            patch_cache_control(answer, no_cache=True, **who)
            answer.add_post_render_callback(self._compare)
        return answer

    def _compare(self, response: Response) -> Any:
        """Answer 304 where the caller has this very content."""
        set_response_etag(response)
        return get_conditional_response(
            self.request._request, etag=response["ETag"], response=response
        )
