"""How does the API document say every answer that an operation can give?"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiParameter
from rest_framework import serializers
from rest_framework.permissions import AllowAny

from medbook.api import CODE_BY_KIND, PROBLEM, STATUS_BY_CODE, status_of
from medbook.api_input import StrictQuery, StrictSerializer, UnknownParameter
from medbook.api_pages import MalformedCursor
from medbook.endpoints import Endpoint
from medbook.errors import DomainError, TryLater

Method = TypeVar("Method", bound=Callable[..., Any])

DESCRIPTIONS = {
    304: "Not modified: the ETag sent in If-None-Match is that of this content.",
    400: "The request cannot be read.",
    401: "No token, or none that is good.",
    403: "A function that this caller may not use.",
    404: "There is nothing here, or not for this caller.",
    406: "Only JSON is answered.",
    409: "A rule says no, by the code.",
    410: "It is over.",
    413: "The body is over 1 MiB.",
    415: "Only JSON is read.",
    422: "Fields are missing or wrong; `errors` names them.",
    429: "Too many requests in this minute.",
    503: "The database is away for a moment.",
}
COUNT = {"type": "integer", "minimum": 0}
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {"description": "Names the request.", "schema": {"type": "string"}},
    "RateLimit-Limit": {"description": "Requests a minute.", "schema": COUNT},
    "RateLimit-Remaining": {"description": "Requests left in this minute.", "schema": COUNT},
    "RateLimit-Reset": {"description": "Seconds left of this minute.", "schema": COUNT},
    "Retry-After": {"description": "Seconds to wait before trying again.", "schema": COUNT},
    "WWW-Authenticate": {"description": "Asks for a token.", "schema": {"type": "string"}},
    "ETag": {"description": "Names this content.", "schema": {"type": "string"}},
}
ON_ALL = ("X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


def keyed(*, is_required: bool) -> list[OpenApiParameter]:
    """Document the headers of a write that may be sent again without happening again."""
    return [
        OpenApiParameter(
            "Idempotency-Key",
            {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~][ -~]*$"},
            OpenApiParameter.HEADER,
            required=is_required,
            description="The same key and body: answered with what the first request made.",
        ),
        OpenApiParameter(
            "Idempotent-Replay",
            {"const": "true"},
            OpenApiParameter.HEADER,
            response=[200, 201],
            description="Sent where an earlier request with this key made the object.",
        ),
    ]


class FieldProblemSerializer(serializers.Serializer):
    """What is wrong with one field."""

    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """A no, as RFC 9457 words it; a refusal adds its facts as further members."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="In the caller's language.")
    code = serializers.CharField(help_text="Stable; for programs.")
    request_id = serializers.CharField()
    errors = FieldProblemSerializer(many=True, required=False)  # type: ignore[assignment]


def refuses(*refusals: type[DomainError]) -> Callable[[Method], Method]:
    """Document the rules by which a method may say no."""

    def with_refusals(method: Method) -> Method:
        method.refusals = refusals  # type: ignore[attr-defined]
        return method

    return with_refusals


def helped_by(**members: type[serializers.Serializer]) -> Callable[[Method], Method]:
    """Document what a refusal of a method may tell besides, by the name of its member."""

    def with_members(method: Method) -> Method:
        method.helps = members  # type: ignore[attr-defined]
        return method

    return with_members


class TrueSchema(AutoSchema):
    """Describe every operation with the errors that it can answer."""

    def get_override_parameters(self) -> list[Any]:
        """Add the query that a list reads."""
        query = self._query()
        return [query] if query else []

    def _query(self) -> type[StrictQuery] | None:
        query = getattr(self.view, "query", None)
        return query if self.method == "GET" and query is not StrictQuery else None

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        answers = dict(super()._get_response_bodies(direction))
        if self.method == "GET" and getattr(self.view, "is_catalogue", False):
            answers["200"].setdefault("headers", {}).update(_headers("ETag"))
            answers["304"] = {"description": DESCRIPTIONS[304]}
        for status, codes in sorted(self._problem_codes().items()):
            answers[str(status)] = self._problem(status, sorted(codes))
        for answer in answers.values():
            answer.setdefault("headers", {}).update(_headers(*ON_ALL))
        return answers

    def _problem_codes(self) -> dict[int, set[str]]:
        """Tell by status which codes the operation can answer."""
        codes: dict[int, set[str]] = defaultdict(set)
        codes[406].add("not_acceptable")
        codes[429].add("rate_limited")
        codes[503].update(code for code, status in STATUS_BY_CODE.items() if status == 503)
        if self.view.authentication_classes:
            codes[401].add("authentication_required")
        if list(self.view.permission_classes) != [AllowAny]:
            codes[403].add("permission_denied")
        if "{" in self.path:
            codes[404].add("not_found")
        if isinstance(self.view, Endpoint):
            codes[400].add(UnknownParameter.code)
        if query := self._query():
            codes[422].add("invalid")
            if "cursor" in query().fields:
                codes[400].add(MalformedCursor.code)
        if self.method in ("POST", "PUT", "PATCH"):
            codes[400].add("malformed")
            codes[413].add("too_large")
            codes[415].add("unsupported_media_type")
            codes[422].add("invalid")
        if self.method != "GET":
            codes[409].add(TryLater.code)
        method = getattr(self.view, self.method.lower(), None)
        for refusal in getattr(method, "refusals", ()):
            codes[status_of(refusal)].add(CODE_BY_KIND.get(refusal, refusal.code))
        return codes

    def _problem(self, status: int, codes: list[str]) -> dict[str, Any]:
        about = self.resolve_serializer(ProblemSerializer, "response").ref
        these = {"properties": {"status": {"const": status}, "code": {"enum": codes}}}
        if status in (409, 410):
            these["properties"] |= self._helps()
        waits = ("Retry-After",) if status in (409, 429, 503) else ()
        asks = ("WWW-Authenticate",) if status == 401 else ()
        return {
            "description": DESCRIPTIONS[status],
            "headers": _headers(*waits, *asks),
            "content": {PROBLEM: {"schema": {"allOf": [about, these]}}},
        }

    def _helps(self) -> dict[str, Any]:
        """Describe what a refusal may tell besides its facts."""
        method = getattr(self.view, self.method.lower(), None)
        return {
            name: self.resolve_serializer(shape, "response").ref
            for name, shape in getattr(method, "helps", {}).items()
        }

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "request" and isinstance(serializer, StrictSerializer):
            schema["additionalProperties"] = False
        return schema


def share_answers(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Describe headers, and the noes that operations have in common, once."""
    shared: dict[str, Any] = {}
    for operation in _operations(result):
        for status, answer in operation["responses"].items():
            if PROBLEM in answer.get("content", {}):
                [_about, these] = answer["content"][PROBLEM]["schema"]["allOf"]
                name = "-".join([status, *these["properties"]["code"]["enum"]])
                shared[name] = answer
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    result["components"]["headers"] = HEADERS
    result["components"]["responses"] = shared
    return result


def _operations(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in result["paths"].values():
        yield from methods.values()


def _headers(*names: str) -> dict[str, dict[str, str]]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
