"""Who has tried too often to sign in, and what are they told?"""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from django.contrib.auth import authenticate
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_login_failed
from django.db import connection, transaction
from django.db.models import Max, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from medbook import api, request_context
from medbook.encryption import BlindIndexField
from members.models import Member
from members.rules.lockout import ACCOUNT, ACCOUNT_AT_PLACE, PLACE, pause

AXES = (ACCOUNT_AT_PLACE, ACCOUNT, PLACE)  # in the order of AXES_LOCKOUT_PARAMETERS
OTHER_NAMES: BlindIndexField[Any, Any] = BlindIndexField(
    label="sign_in.name", normalise=str.casefold
)
GUESSES = 1_937_204_655  # the first key of the advisory locks that are taken here
STAFF_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc]
    """Count failures by account and place, by account, and by place; pause longer each time."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Tell whether a pause runs: 1 or 0, for AXES_FAILURE_LIMIT = 1."""
        return int(self.wait(request, credentials) > timedelta(0))

    def wait(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> timedelta:
        """Tell how long the next try has to wait; counted from rows, so no cache frees anybody."""
        now: datetime = request.axes_attempt_time  # type: ignore[attr-defined]
        longest = timedelta(0)
        found = self.filter_user_attempts(request, credentials)
        for axis, attempts in zip(AXES, found, strict=True):
            counted = attempts.filter(attempt_time__gte=now - axis.memory).aggregate(
                failures=Sum("failures_since_start"), last=Max("attempt_time")
            )
            if how_long := pause(axis, counted["failures"] or 0):
                longest = max(longest, counted["last"] + how_long - now)
        return longest

    def reset_user_attempts(
        self, request: HttpRequest, credentials: dict[str, Any] | None = None
    ) -> int:
        """Forgive this account at this place only: one's own success excuses no other failure."""
        mine, *_others = self.filter_user_attempts(request, credentials)
        return int(mine.delete()[0])


@contextmanager
def one_guess_at_a_time(credentials: dict[str, Any]) -> Iterator[None]:
    """Let guesses at one account wait for each other: each is counted before the next is compared.

    Opens a transaction. A refusal must not leave through it, or the failure would not be counted.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            name = name_of(None, credentials) or ""
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [GUESSES, name])
        yield


def authenticate_in_turn(request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
    """Compare a password, after all other guesses at the same account."""
    with one_guess_at_a_time(credentials):
        return authenticate(request, **credentials)


def name_of(_request: HttpRequest | None, credentials: dict[str, Any] | None) -> str | None:
    """Name the account that somebody tries, without keeping a phone number or a person's name.

    A member is named by the blind index of the phone, whether known or not.
    """
    said = credentials or {}
    if phone := said.get("phone"):
        return _digest(str(phone))
    username = str(said.get("username") or "")
    if not username:
        return None
    if not STAFF_NAME.fullmatch(username):
        return _digest(username)
    index = Member.objects.filter(user__username=username).values_list("phone_index", flat=True)
    known = index.first()
    return known.hex() if known else username


def address_of(request: HttpRequest) -> str | None:
    """Tell the place that failures are counted by: the first address of the client's network."""
    ip = request_context.current().ip
    return request_context.network_of(ip).partition("/")[0] if ip else None


def count_failure(request: HttpRequest, phone: str) -> None:
    """Count a wrong code like a wrong password, and note it in the operation log."""
    user_login_failed.send(sender=__name__, credentials={"phone": phone}, request=request)


def answer_locked_out(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None
) -> HttpResponse:
    """Answer 429, and tell when to come back."""
    detail = _("There were too many failed attempts. Please wait before you try again.")
    if api.is_api(request):
        body = api.problem("rate_limited", 429, detail)
        answer: HttpResponse = JsonResponse(body, status=429, content_type=api.PROBLEM)
    else:
        is_staffs = request.path.startswith("/admin/")
        page = "429.html" if is_staffs else "members/locked_out.html"
        answer = render(request, page, {"detail": detail}, status=429)
    wait = LockoutHandler().wait(request, credentials)
    answer["Retry-After"] = str(max(1, math.ceil(wait.total_seconds())))
    return answer


def _digest(text: str) -> str:
    phone_index: Any = Member._meta.get_field("phone_index")
    try:
        return str(phone_index.digest(text).hex())
    except ValueError:  # no phone number
        return OTHER_NAMES.digest(text).hex()
