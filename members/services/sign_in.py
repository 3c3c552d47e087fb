"""How does a code let somebody in, and what does the operation log keep of signing in?"""

import hmac
from datetime import datetime
from typing import Any

from axes.models import AccessAttempt
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest

from medbook import clock
from medbook.audit.choices import Action, Outcome
from medbook.audit.services import record_event
from medbook.errors import DomainError
from medbook.locks import Rung, lock, retry_on_conflict
from members.choices import CodePurpose
from members.errors import AccountClosed, CodeInvalid, DocumentEndingRequired
from members.models import Member, User
from members.rules import codes as rules
from members.selectors.people import own_patient
from members.services.codes import index_of, tried_code, use
from members.services.messages import notify_member
from members.services.sessions import begin_session, end_sessions


@retry_on_conflict
def sign_in_by_code(*, phone: str, code: str, document_ending: str = "", now: datetime) -> User:
    """Return the account of whoever has a phone in hand; failures before are forgiven.

    Raises: CodeInvalid, DocumentEndingRequired.
    """
    outcome = _signed_in(phone, code, document_ending, now)
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


@retry_on_conflict
def reset_password(
    *, phone: str, code: str, password: str, document_ending: str = "", now: datetime
) -> User:
    """Give the account of whoever has a phone in hand a new password; end all its sessions.

    `password` is judged before. Raises: CodeInvalid, DocumentEndingRequired.
    """
    hashed = make_password(password)  # first, so that every answer takes the time of one hash
    outcome = _reset(phone, code, hashed, document_ending, now)
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def admitted(*, phone: str, document_ending: str, now: datetime) -> Member | DomainError | None:
    """Let a member in whose right code the caller's transaction has just seen; None without one.

    Whoever set a password for a number that was never confirmed need not have held the phone:
    the first code takes that password away.
    """
    rows = Member.objects.select_related("user", "tier").filter(phone_index=phone)
    member = lock(rows, Rung.MEMBER).first()
    if member is None:
        return None
    if not member.user.is_active:
        return AccountClosed()
    if not _is_known_again(member, document_ending, now):
        return DocumentEndingRequired()
    if member.phone_verified_at is None:
        member.phone_verified_at = now
        member.save(update_fields=["phone_verified_at"])
        if member.user.has_usable_password():
            member.user.set_unusable_password()
            member.user.save(update_fields=["password"])
            end_sessions(user=member.user, now=now)
    forgive_failures(phone=phone)
    return member


def forgive_failures(*, phone: str) -> None:
    """Forget wrong passwords and codes for a number, wherever they were typed."""
    AccessAttempt.objects.filter(username=index_of(phone).hex()).delete()


@transaction.atomic(durable=True)
def _signed_in(phone: str, code: str, document_ending: str, now: datetime) -> User | DomainError:
    """Return the refusal rather than raise it: a counted try must be committed."""
    row = tried_code(purpose=CodePurpose.SIGN_IN, phone=phone, code=code, now=now)
    if row is None:
        return CodeInvalid()
    member = admitted(phone=phone, document_ending=document_ending, now=now)
    if not isinstance(member, Member):
        return member or CodeInvalid()
    use(row, now=now)
    return member.user


@transaction.atomic(durable=True)
def _reset(
    phone: str, code: str, hashed: str, document_ending: str, now: datetime
) -> User | DomainError:
    row = tried_code(purpose=CodePurpose.RESET_PASSWORD, phone=phone, code=code, now=now)
    if row is None:
        return CodeInvalid()
    member = admitted(phone=phone, document_ending=document_ending, now=now)
    if not isinstance(member, Member):
        return member or CodeInvalid()
    use(row, now=now)
    user = member.user
    user.password = hashed
    user.save(update_fields=["password"])
    end_sessions(user=user, now=now)
    record_event(Action.PASSWORD_CHANGED, subject=user, by=user, reason="reset_by_code")
    notify_member(member=member, kind="password_changed", key=str(row.uid), facts={}, now=now)
    return user


def _is_known_again(member: Member, document_ending: str, now: datetime) -> bool:
    """Ask who comes back after a long time for the document, if one is on record."""
    if not rules.is_idle(member.user.last_login or member.joined_at, now):
        return True
    patient = own_patient(member)
    if patient is None or patient.identity_number is None:
        return True
    known = rules.ending(patient.identity_number.reveal())
    return hmac.compare_digest(known.encode(), document_ending.upper().encode())


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
