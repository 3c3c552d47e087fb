"""Who has tried too often to sign in, and what are they told?"""

import ipaddress
import re
from datetime import timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Max, Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _

from medbook import api, clock, request_context, views
from medbook.encryption import BlindIndexField
from members.models import Member

# For AXES_LOCKOUT_PARAMETERS, in its order: the failures that count as one towards the limit.
# One person at one place, one account from everywhere, one place over all accounts: a clinic's
# whole waiting room may share an address, and a stranger shall hardly lock somebody else out.
FAILURES_PER_POINT = (1, 6, 10)
OTHER_NAMES: BlindIndexField[Any, Any] = BlindIndexField(
    label="sign_in.name", normalise=str.casefold
)
STAFF_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc]
    """Count failures by account and place, by account, and by place, with a limit for each."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Tell how near the nearest limit is, in points."""
        found = self.get_user_attempts(request, credentials)
        counts = [sum(a.values_list("failures_since_start", flat=True)) for a in found]
        points: int = max(
            count // per_point for count, per_point in zip(counts, FAILURES_PER_POINT, strict=True)
        )
        return points

    def reset_user_attempts(
        self, request: HttpRequest, credentials: dict[str, Any] | None = None
    ) -> int:
        """Forgive this account at this place only: one's own success excuses no other failure."""
        mine, *_others = self.filter_user_attempts(request, credentials)
        return int(mine.delete()[0])


def name_of(request: HttpRequest, credentials: dict[str, Any] | None) -> str | None:
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
    """Tell the address that failures are counted by: the client's, or its /64 in IPv6."""
    ip = request_context.current().ip
    if ip and ipaddress.ip_address(ip).version == 6:
        return str(ipaddress.ip_network(f"{ip}/64", strict=False).network_address)
    return ip


def answer_locked_out(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None
) -> HttpResponse:
    """Answer 429, and tell when to come back."""
    detail = _("There were too many failed attempts. Please wait before you try again.")
    if api.is_api(request):
        body = api.problem("rate_limited", 429, detail)
        answer: HttpResponse = JsonResponse(body, status=429, content_type=api.PROBLEM)
    else:
        answer = views.error_answer(request, 429, detail)
    answer["Retry-After"] = str(max(1, int(_wait(request, credentials).total_seconds())))
    return answer


def _digest(text: str) -> str:
    phone_index: Any = Member._meta.get_field("phone_index")
    try:
        return str(phone_index.digest(text).hex())
    except ValueError:  # no phone number
        return OTHER_NAMES.digest(text).hex()


def _wait(request: HttpRequest, credentials: dict[str, Any] | None) -> timedelta:
    tried = Q(username=get_client_username(request, credentials)) | Q(
        ip_address=address_of(request)
    )
    last = AccessAttempt.objects.filter(tried).aggregate(last=Max("attempt_time"))["last"]
    cooling: timedelta = settings.AXES_COOLOFF_TIME
    return (last or clock.now()) + cooling - clock.now()
