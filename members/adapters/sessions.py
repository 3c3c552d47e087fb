"""When does a browser's session end by itself?"""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from medbook import api, clock
from members.models import User
from members.rules.sessions import is_over
from members.services.sessions import life_of, note_visit


class SessionLifeMiddleware:
    """Sign out who was away, or signed in, for too long; note visits for the list of sign-ins."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if api.is_api(request):
            return self.get_response(request)
        if _is_over(request):
            logout(request)
        response = self.get_response(request)
        if isinstance(request.user, User) and request.session.session_key:
            note_visit(session=request.session, user=request.user, now=clock.now())
        return response


def _is_over(request: HttpRequest) -> bool:
    life = life_of(request.session)
    if life is None or not isinstance(request.user, User):
        return False
    is_staff = request.user.is_staff
    return is_over(
        signed_in_at=life.signed_in_at,
        seen_at=life.seen_at,
        now=clock.now(),
        idle=settings.STAFF_SESSION_IDLE if is_staff else settings.MEMBER_SESSION,
        longest=settings.STAFF_SESSION_LONGEST if is_staff else settings.MEMBER_SESSION,
    )
