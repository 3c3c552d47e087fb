"""How do refusals, pages of lists, limits and bodies look over HTTP?"""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from rest_framework import exceptions, serializers, status
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import JSONParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from medbook import clock, locks, request_context
from medbook.errors import DomainError, InProgress, Missing, NotAllowed, Refused, TryLater

if TYPE_CHECKING:  # DRF's views ask the settings for classes of this module while they load
    from rest_framework.views import APIView

PROBLEM = "application/problem+json"
STATUS_BY_CODE = {
    "unavailable": 503,
    "key_unavailable": 503,
    "hold_expired": 410,
    "idempotency_key_reused": 422,
    "idempotency_key_required": 400,
    "unknown_parameter": 400,
}
STATUS_BY_KIND: dict[type[DomainError], int] = {
    Refused: 409,
    Missing: 404,
    NotAllowed: 403,
    TryLater: 409,
}
CODE_BY_STATUS = {
    400: "malformed",
    401: "authentication_required",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "rate_limited",
    500: "server_error",
}


def status_of(refusal: DomainError) -> int:
    """Tell the HTTP status of a refusal: by its code, else by its kind."""
    if refusal.code in STATUS_BY_CODE:
        return STATUS_BY_CODE[refusal.code]
    return next(s for kind, s in STATUS_BY_KIND.items() if isinstance(refusal, kind))


def is_api(request: HttpRequest) -> bool:
    """Tell whether a request wants JSON rather than a page."""
    return request.path.startswith("/api/")


def problem(code: str, status_code: int, detail: str, **more: Any) -> dict[str, Any]:
    """Word a no as RFC 9457 asks."""
    return {
        "type": f"{settings.BASE_URL}/problems/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status_code,
        "detail": detail,
        "code": code,
        "request_id": request_context.current().request_id,
        **more,
    }


def problem_of(refusal: DomainError) -> dict[str, Any]:
    """Word a refusal with its facts."""
    facts = {name: _plain(fact) for name, fact in refusal.facts.items() if name != "retry_after"}
    return problem(refusal.code, status_of(refusal), refusal.detail, **facts)


def answer_to(request: HttpRequest, error: BaseException | None) -> HttpResponse | None:
    """Answer a refusal or the absence of the database, as JSON or as a page; else None."""
    refusal = locks.as_refusal(error) if isinstance(error, DatabaseError) else error
    if not isinstance(refusal, DomainError):
        return None
    code = status_of(refusal)
    if is_api(request):
        answer: HttpResponse = JsonResponse(
            problem_of(refusal), status=code, content_type=PROBLEM
        )
    elif code == 503:
        answer = render(request, "503.html", {"refusal": refusal}, status=503)
    else:
        answer = render(
            request, "errors/refusal.html", {"refusal": refusal, "status": code}, status=code
        )
    if isinstance(refusal, TryLater):
        answer["Retry-After"] = str(refusal.retry_after)
    return answer


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what an endpoint raises into problem+json; None lets a bug fly."""
    if isinstance(error, DatabaseError):
        error = locks.as_refusal(error) or error
    headers: dict[str, str] = {}
    if isinstance(error, DomainError):
        body = problem_of(error)
        if isinstance(error, TryLater):
            headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, Http404 | Missing):
        body = problem("not_found", 404, _("There is nothing here."))
    elif isinstance(error, PermissionDenied):
        body = problem("permission_denied", 403, _("You are not allowed to do this."))
    elif isinstance(error, exceptions.ValidationError):
        body = problem(
            "invalid", 422, _("Please check the fields named."), errors=_by_field(error.detail)
        )
    elif isinstance(error, exceptions.APIException):
        body = _problem_of_framework(error)
        if isinstance(error, exceptions.Throttled):
            headers["Retry-After"] = str(math.ceil(error.wait or 1))
        if challenge := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = challenge
    else:
        return None
    return Response(body, status=body["status"], headers=headers, content_type=PROBLEM)


def _problem_of_framework(error: exceptions.APIException) -> dict[str, Any]:
    code = CODE_BY_STATUS.get(error.status_code, "malformed")
    if isinstance(error.detail, str):
        code = getattr(error, "code", None) or code
    return problem(code, error.status_code, str(error.detail))


def _by_field(detail: Any, field: str = "") -> list[dict[str, str]]:
    """Flatten DRF's nested error details into field, code and text."""
    if isinstance(detail, Mapping):
        return [
            line
            for name, inner in detail.items()
            for line in _by_field(inner, f"{field}.{name}" if field else str(name))
        ]
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        return [line for inner in detail for line in _by_field(inner, field)]
    return [{"field": field, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}]


def _plain(fact: Any) -> Any:
    if isinstance(fact, datetime):
        return fact.isoformat()
    return str(fact) if isinstance(fact, UUID | Decimal | Promise) else fact


class UnknownParameter(Refused):
    """A query parameter that the list does not know."""

    message = "%(parameter)s"


class NobodyUnlessSaid(BasePermission):
    """Refuse: every endpoint names its own permission."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return False


class StrictJSONParser(JSONParser):
    """Read JSON; refuse what parsers read differently: doubled keys, NaN, depth without end."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge()
        try:
            return json.loads(
                body, object_pairs_hook=_unique, parse_constant=_no_constant
            )
        except (ValueError, RecursionError) as wrong:
            raise exceptions.ParseError(_("The body is not well-formed JSON.")) from wrong


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("doubled key")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(name)


class TooLarge(exceptions.APIException):
    """The body is over 1 MiB."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"

    def __init__(self) -> None:
        super().__init__(_("The body is too large; at most 1 MiB is read."))


class StrictSerializer(serializers.Serializer):
    """A body whose unknown fields are refused, so that a typo is never silently dropped."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                raise serializers.ValidationError(
                    {name: [exceptions.ErrorDetail(_("Unknown field."), "unknown_field")] for name in unknown}
                )
        return super().to_internal_value(data)


class CursorPages(CursorPagination):
    """Pages by cursor: next, previous, results."""

    page_size = 20
    max_page_size = 100
    page_size_query_param = "page_size"
    ordering = "id"


class RateLimit(BaseThrottle):
    """Count requests a minute: writes and reads per account, all per network without account.

    Soft: the count lives in the cache, and a lost cache forgets it.
    """

    remaining: int = 0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        if not settings.API_RATE_LIMITED:
            return True
        if request.user.is_authenticated:
            kind = "read" if request.method in ("GET", "HEAD", "OPTIONS") else "write"
            who = f"{kind}:{request.user.pk}"
        else:
            kind = "network"
            who = f"network:{request_context.network_of(request_context.current().ip)}"
        limit = settings.API_RATE_LIMITS_PER_MINUTE[kind]
        second = int(clock.now().timestamp())
        self.reset = 60 - second % 60
        key = f"rate:{who}:{second // 60}"
        cache.add(key, 0, timeout=120)
        try:
            used = cache.incr(key)
        except ValueError:  # evicted between the two calls
            used = 1
        request._request.rate_limit = (limit, max(limit - used, 0), self.reset)  # type: ignore[attr-defined]
        return used <= limit

    def wait(self) -> float:
        return self.reset
