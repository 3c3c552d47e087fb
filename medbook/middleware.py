"""What surrounds every request: its circumstances, and the answer to a refusal."""

import re
import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.middleware import common
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from medbook import api, api_limits, request_context
from medbook.audit.choices import Action, Outcome
from medbook.audit.services import record_event

log = structlog.get_logger("medbook.access")

NUL = re.compile("%00|\x00")
Answer = Callable[[HttpRequest], HttpResponse]


class RequestContextMiddleware:
    """Give every request an id and a known origin; write one access line without addresses."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        context = request_context.RequestContext(
            request_id=request_context.request_id_from(request.headers.get("X-Request-Id")),
            channel=_channel_of(request.path),
            ip=request_context.client_ip(request.META),
            user_agent=request.headers.get("User-Agent", "").replace("\x00", "")[:200],
            actor_type="anonymous",
        )
        began = time.perf_counter()
        with request_context.entered(context):
            response = self.get_response(request)
            route = request.resolver_match.route if request.resolver_match else ""
            log.info(
                "request",
                method=request.method,
                route=route,
                status=response.status_code,
                ms=round((time.perf_counter() - began) * 1000),
            )
        response["X-Request-Id"] = context.request_id
        return response


class BrowserMiddleware:
    """Tell browsers and caches what no setting tells them: keep nothing, lend nothing."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Cache-Control", "no-store")  # unless a view or a file said otherwise
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
        return response


class RefusalMiddleware:
    """Answer the refusals that no door has put into words.

    What is raised further out than a view reaches the 500 handler, which answers alike.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Django's admin hands a search on as it came; the pages and the API read theirs with forms.
        if _channel_of(request.path) == "admin" and NUL.search(request.META["QUERY_STRING"]):
            raise BadRequest("No text in the database holds a NUL.")
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, PermissionDenied):
            record_denied(request, 403)
            return None
        answer = api.answer_to(request, error)
        if answer is not None and answer.status_code in (403, 404):
            record_denied(request, answer.status_code)
        return answer


class ApiMiddleware:
    """Keep cookies out of the API; count its requests; keep its answers out of caches."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not api.is_api(request):
            return self.get_response(request)
        # Who asks is said by the token, in which language by the header: never by a cookie.
        request.COOKIES = {}
        response = _too_large(request) or self.get_response(request)
        count = api_limits.count_of(request)
        if count is None:  # refused, or answered, before an endpoint could count it
            count = api_limits.counted_by_network(request)
            if not count.is_within:
                response = _too_many(count)
        response = _in_words(response)
        for name, value in count.headers.items():
            response[name] = value
        response.setdefault("Cache-Control", "no-store")
        patch_vary_headers(response, ["Authorization", "Accept-Language"])
        match = request.resolver_match
        is_object = match is not None and bool(match.kwargs)
        if response.status_code == 403 or (response.status_code == 404 and is_object):
            record_denied(request, response.status_code)
        return response


class CommonMiddleware(common.CommonMiddleware):
    """Lead pages to their address with a slash; an API address is right or it is not there."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        """Tell whether a slash is all that is missing."""
        return not api.is_api(request) and super().should_redirect_with_slash(request)


class ActorMiddleware:
    """Tell the request context who is signed in."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/api/") and request.user.is_authenticated:
            request_context.identify(
                actor_type="user",
                actor_uid=str(request.user.uid),
                actor_role="staff" if request.user.is_staff else "member",
            )
        return self.get_response(request)


def _channel_of(path: str) -> str:
    if path.startswith("/api/"):
        return "api"
    return "admin" if path.startswith("/admin/") else "page"


def _too_large(request: HttpRequest) -> HttpResponse | None:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return None
    return api.problem_answer("too_large", 413, _("The body is too large; at most 1 MiB is read."))


def _in_words(response: HttpResponse) -> HttpResponse:
    """Word a bare error that Django itself answered."""
    status = response.status_code
    if status < 400 or response.headers.get("Content-Type") == api.PROBLEM:
        return response
    code = api.CODE_BY_STATUS.get(status, "malformed")
    allowed = {"Allow": response["Allow"]} if response.has_header("Allow") else {}
    return api.problem_answer(code, status, _("This is not possible here."), allowed)


def _too_many(count: api_limits.Count) -> HttpResponse:
    headers = {"Retry-After": str(count.seconds_left)}
    return api.problem_answer("rate_limited", 429, _("Too many requests."), headers)


def record_denied(request: HttpRequest, status: int) -> None:
    """Log that somebody known was turned away; strangers are only counted in the access lines.

    What is not there for this reader (404) may be somebody else's, so it counts as a denial.
    """
    if request_context.current().actor_type == "user":
        route = request.resolver_match.route if request.resolver_match else ""
        facts = {"route": route, "status": status}
        record_event(Action.ACCESS_DENIED, outcome=Outcome.DENIED, facts=facts)
