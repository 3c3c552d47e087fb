"""How many requests a minute may an account, or a network without account, send?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from medbook import clock, request_context

if TYPE_CHECKING:  # DRF's views ask the settings for classes of this module while they load
    from rest_framework.views import APIView

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Count:
    """Where a caller stands within the minute."""

    limit: int
    used: int
    seconds_left: int

    @property
    def is_within(self) -> bool:
        """Tell whether the request may go on."""
        return self.used <= self.limit

    @property
    def headers(self) -> dict[str, str]:
        """Say it in the headers that clients know."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(self.limit - self.used, 0)),
            "RateLimit-Reset": str(self.seconds_left),
        }


class RateLimit(BaseThrottle):
    """Count writes and reads per account; all requests per network without account."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Count the request, once; tell whether it may go on."""
        if request.user.is_authenticated:
            kind = "read" if request.method in SAFE_METHODS else "write"
            self.count = counted(request._request, kind, str(request.user.pk))
        else:
            self.count = counted_by_network(request._request)
        return self.count.is_within

    def wait(self) -> float:
        """Tell how long to wait, in seconds."""
        return self.count.seconds_left


def counted_by_network(request: HttpRequest) -> Count:
    """Count a request of somebody unknown."""
    return counted(request, "network", request_context.network_of(request_context.current().ip))


def counted(request: HttpRequest, kind: str, who: str) -> Count:
    """Count a request and note on it where its caller stands."""
    second = int(clock.now().timestamp())
    count = Count(
        limit=settings.API_RATE_LIMITS_PER_MINUTE[kind],
        used=_one_more(f"rate:{kind}:{who}:{second // 60}") if settings.API_RATE_LIMITED else 0,
        seconds_left=60 - second % 60,
    )
    request.rate_count = count  # type: ignore[attr-defined]
    return count


def count_of(request: HttpRequest) -> Count | None:
    """Return what was counted for a request, if it came so far."""
    return getattr(request, "rate_count", None)


def _one_more(key: str) -> int:
    """Add one to a count that lasts two minutes; where the shared cache is away, in this process.

    A lost count starts again: the limit protects, it does not account.
    """
    for name in settings.API_RATE_LIMIT_CACHES:
        cache = caches[name]
        try:
            used = cache.incr(key)
        except ValueError:  # the first one of this minute
            cache.add(key, 0, timeout=120)
            try:
                used = cache.incr(key)
            except ValueError:  # evicted between the two calls
                used = 1
        if used:
            return used
    return 0
