"""How do refusals look over HTTP?"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from medbook import locks, request_context
from medbook.errors import DomainError, Missing, NotAllowed, Refused, TryLater

if TYPE_CHECKING:  # DRF's views ask the settings for classes of this module while they load
    from rest_framework.views import APIView

PROBLEM = "application/problem+json"
CHALLENGE = 'Bearer realm="medbook"'
STATUS_BY_CODE = {
    "integrity_failure": 503,
    "authentication_required": 401,
    "document_ending_required": 401,
    "consent_missing": 403,
    "hold_expired": 410,
    "offer_expired": 410,
    "idempotency_key_required": 400,
    "idempotency_key_reused": 422,
    "invalid_credentials": 401,
    "key_unavailable": 503,
    "malformed_cursor": 400,
    "otp_required": 401,
    "too_many_reveals": 429,
    "rate_limited": 429,
    "too_many_tries": 429,
    "unavailable": 503,
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
# A kind that is raised as such, and not as one of its refusals, has the general code.
CODE_BY_KIND = {Missing: "not_found", NotAllowed: "permission_denied"}


def status_of(refusal: DomainError | type[DomainError]) -> int:
    """Tell the HTTP status of a refusal: by its code, else by its kind; 500 if it has none."""
    if refusal.code in STATUS_BY_CODE:
        return STATUS_BY_CODE[refusal.code]
    kind = refusal if isinstance(refusal, type) else type(refusal)
    return next((code for parent, code in STATUS_BY_KIND.items() if issubclass(kind, parent)), 500)


def is_api(request: HttpRequest) -> bool:
    """Tell whether a request wants JSON rather than a page."""
    return request.path.startswith("/api/")


def problem(code: str, status_code: int, detail: str, **more: Any) -> dict[str, Any]:
    """Word a no as RFC 9457 asks."""
    return {
        "type": f"urn:medbook:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status_code,
        "detail": detail,
        "code": code,
        "request_id": request_context.current().request_id,
        **more,
    }


def problem_of(refusal: DomainError) -> dict[str, Any]:
    """Word a refusal with its facts."""
    facts = {
        name: _plain(fact, refusal.zone)
        for name, fact in refusal.facts.items()
        if name != "retry_after"
    }
    code = CODE_BY_KIND.get(type(refusal), refusal.code)
    return problem(code, status_of(refusal), refusal.detail, **facts)


def problem_answer(
    code: str, status_code: int, detail: str, headers: Mapping[str, str] | None = None
) -> JsonResponse:
    """Answer a no outside of any endpoint."""
    return JsonResponse(
        problem(code, status_code, detail),
        status=status_code,
        content_type=PROBLEM,
        headers=headers,
        json_dumps_params={"ensure_ascii": False},
    )


def answer_to(request: HttpRequest, error: BaseException | None) -> HttpResponse | None:
    """Answer a refusal or the absence of the database, as JSON or as a page; else None."""
    refusal = locks.as_refusal(error) if isinstance(error, DatabaseError) else error
    if not isinstance(refusal, DomainError):
        return None
    code = status_of(refusal)
    if is_api(request):
        answer: HttpResponse = JsonResponse(
            problem_of(refusal),
            status=code,
            content_type=PROBLEM,
            json_dumps_params={"ensure_ascii": False},
        )
    else:
        page = f"{code}.html" if code in (404, 503) else "errors/refusal.html"
        answer = render(request, page, {"refusal": refusal, "status": code}, status=code)
    for name, value in _headers_of(refusal).items():
        answer[name] = value
    return answer


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what an endpoint raises into problem+json; None lets a bug fly."""
    if isinstance(error, DatabaseError):
        error = locks.as_refusal(error) or error
    headers: dict[str, str] = {}
    if isinstance(error, DomainError) and status_of(error) != 500:
        body = problem_of(error)
        headers = _headers_of(error)
    elif isinstance(error, Http404):
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
            headers["Retry-After"] = str(math.ceil(error.wait or 1))  # type: ignore[attr-defined]
    else:
        return None
    if body["status"] == 401:
        headers["WWW-Authenticate"] = getattr(error, "auth_header", None) or CHALLENGE
    return Response(body, status=body["status"], headers=headers, content_type=PROBLEM)


def _headers_of(refusal: DomainError) -> dict[str, str]:
    return {"Retry-After": str(refusal.retry_after)} if isinstance(refusal, TryLater) else {}


def _problem_of_framework(error: exceptions.APIException) -> dict[str, Any]:
    code = CODE_BY_STATUS.get(error.status_code, "malformed")
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


def _plain(fact: Any, zone: str | None) -> Any:
    if isinstance(fact, datetime):
        return timezone.localtime(fact, ZoneInfo(zone) if zone else None).isoformat()
    return str(fact) if isinstance(fact, UUID | Decimal | Promise) else fact


class NobodyUnlessSaid(BasePermission):
    """Refuse: every endpoint names its own permission."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return False
