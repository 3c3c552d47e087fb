"""Who may open a member's page?"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from members.models import Member
from members.selectors.people import member_of

P = ParamSpec("P")


def for_members(
    view: Callable[Concatenate[HttpRequest, Member, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Let members in, send strangers to sign in, and keep the answer out of every cache."""

    @never_cache
    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        member = member_of(request.user)
        if member is None:
            raise PermissionDenied
        return view(request, member, *args, **kwargs)

    return guarded
