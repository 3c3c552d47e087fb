"""What does the operation log keep of signing in?"""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from medbook import clock
from medbook.audit.choices import Action, Outcome
from medbook.audit.services import record_event
from members.models import Member, User
from members.services.sessions import begin_session


@receiver(user_logged_in)
def record_sign_in(user: User, request: HttpRequest | None = None, **_context: Any) -> None:
    """Note who signed in, and where if that is a browser."""
    record_event(Action.SIGN_IN_SUCCEEDED, subject=user, by=user)
    if request is not None and SESSION_KEY in request.session:
        begin_session(session=request.session, user=user, now=clock.now())


@receiver(user_login_failed)
def record_failed_sign_in(
    credentials: dict[str, Any], request: HttpRequest | None = None, **_context: Any
) -> None:
    """Note which account somebody failed to enter; of an unknown one, only that it was tried.

    Attempts while locked out are not noted, so that nobody can fill the log.
    """
    if not _was_locked_out(request):
        record_event(Action.SIGN_IN_FAILED, subject=_tried(credentials), outcome=Outcome.DENIED)


def _was_locked_out(request: HttpRequest | None) -> bool:
    """Tell a knock at a closed door from the failure that closes it, which axes has counted."""
    is_locked = bool(getattr(request, "axes_locked_out", False))
    return is_locked and getattr(request, "axes_failures_since_start", None) is None


def _tried(credentials: dict[str, Any]) -> User | None:
    if phone := credentials.get("phone"):
        member = Member.objects.select_related("user").filter(phone_index=phone).first()
        return member.user if member else None
    return User.objects.filter(username=credentials.get("username")).first()
