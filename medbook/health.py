"""Is this process alive, and can it serve?"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from medbook import clock

LARGEST_SKEW = timedelta(seconds=5)


@never_cache
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """Answer while the process runs."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when the database answers and agrees on the time; say what is degraded."""
    try:
        skew = database_skew()
    except DatabaseError:
        return _answer("unavailable", {"database": "away"}, 503)
    if abs(skew) > LARGEST_SKEW:
        return _answer("unavailable", {"clock": "differs from the database"}, 503)
    problems = dict.fromkeys(attention(settings.READINESS_CHECKS), "attention")
    if not cache_works():
        problems["cache"] = "away"
    return _answer("degraded" if problems else "ok", problems, 200)


def attention(checks: Iterable[str]) -> dict[str, str]:
    """Ask the apps' checks what needs a person, by the check's name."""
    found = {}
    for dotted in checks:
        sentence = import_string(dotted)(now=clock.now())
        if sentence:
            found[dotted.rsplit(".", 1)[1]] = str(sentence)
    return found


def errands(user: Any) -> list[tuple[str, str]]:
    """Ask the apps what waits for this member of staff: a sentence, and the page that helps."""
    found = []
    for dotted, page in settings.STAFF_ERRANDS.items():
        sentence = import_string(dotted)(by=user, now=clock.now())
        if sentence:
            found.append((str(sentence), page))
    return found


def database_skew() -> timedelta:
    """Tell how far the database's clock is ahead of this one. Raises: DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    told: datetime = row[0]
    return told - clock.now()


def cache_works() -> bool:
    """Tell whether the cache gives back what it was given."""
    try:
        cache.set("readyz", "1", timeout=10)
        return bool(cache.get("readyz") == "1")
    except Exception:
        return False


def _answer(state: str, problems: dict[str, str], status: int) -> HttpResponse:
    response = JsonResponse({"status": state, "problems": problems}, status=status)
    if status == 503:
        response["Retry-After"] = "5"
    return response
