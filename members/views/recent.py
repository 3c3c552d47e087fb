"""Which pages want to know first that it is still the same person, and how is that shown?"""

import functools
from collections.abc import Callable
from typing import Any, overload

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from medbook import clock
from members.rules.sessions import is_recent
from members.services.sessions import life_of

View = Callable[..., HttpResponse]


def was_shown_recently(request: HttpRequest) -> bool:
    """Tell whether somebody is signed in who showed who they are within 15 minutes."""
    life = life_of(request.session)
    shown_at = life.shown_at if life else None
    return request.user.is_authenticated and is_recent(shown_at, clock.now())


@overload
def recent_sign_in_required(view: View) -> View: ...
@overload
def recent_sign_in_required(*, back: str) -> Callable[[View], View]: ...
def recent_sign_in_required(
    view: View | None = None, *, back: str = ""
) -> View | Callable[[View], View]:
    """Let in who signed in, or said again who they are, within the last 15 minutes.

    Others are asked first and come back: to the page itself, or to the one named `back`, which
    what is only ever posted to needs.
    """

    def decorate(asked: View) -> View:
        @functools.wraps(asked)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            here = reverse(back) if back else request.get_full_path()
            if not request.user.is_authenticated:
                return redirect_to_login(here)
            if was_shown_recently(request):
                return asked(request, *args, **kwargs)
            query = urlencode({REDIRECT_FIELD_NAME: here})
            return redirect(f"{reverse('members:show_again')}?{query}")

        return guarded

    return decorate if view is None else decorate(view)
