"""How does somebody set up a second factor, show it, and lose it again?"""

import base64
import secrets
import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction

from medbook.audit.choices import Action, Outcome
from medbook.audit.services import record_event
from medbook.encryption import BlindIndexField
from medbook.errors import Missing
from medbook.locks import Rung, lock, retry_on_conflict
from medbook.references import new_reference
from members.choices import FactorKind
from members.errors import (
    AppPresent,
    FactorCodeInvalid,
    InvalidCredentials,
    OtpRequired,
    OwnFactor,
    ReasonMissing,
    SecondFactorMissing,
    TooManyTries,
    WithoutSecondFactor,
)
from members.models import FactorTries, Member, RecoveryCode, SecondFactor, User
from members.rules import second_factor as rules
from members.selectors.second_factors import has_app, has_second_factor, second_factors
from members.services.messages import notify_member
from members.services.sessions import end_sessions, note_shown

SECRET_BYTES = 20
RECOVERY: BlindIndexField[Any, Any] = BlindIndexField(
    label="second_factor.recovery", normalise="{}|{}".format
)


def new_secret() -> str:
    """Make a secret for an authenticator app, in base32."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


@retry_on_conflict
@transaction.atomic(durable=True)
def add_app(
    *, user: User, secret: str, code: str, session: SessionBase, now: datetime
) -> list[str]:
    """Add an authenticator app that has shown a code; return recovery codes if there were none.

    All other sign-ins end. Raises: AppPresent, FactorCodeInvalid.
    """
    owner = _lock(user)
    if has_app(owner):
        raise AppPresent()
    step = rules.matching_step(secret, rules.plain_code(code), now=now, last_step=None)
    if step is None:
        raise FactorCodeInvalid()
    factor = SecondFactor.objects.create(
        user=owner, kind=FactorKind.APP, secret=secret, last_step=step, created_at=now
    )
    return finish_adding(factor, session=session, now=now)


def finish_adding(factor: SecondFactor, *, session: SessionBase, now: datetime) -> list[str]:
    """Do in the caller's transaction what follows on a new factor, whatever its kind."""
    user = factor.user
    codes = [] if _has_recovery_codes(user) else _renew(user)
    note_shown(session=session, user=user, now=now, has_second_factor=True)
    record_event(
        Action.SECOND_FACTOR_ADDED, subject=factor, by=user, facts={"kind": str(factor.kind)}
    )
    _follow_up(user, key=f"added {factor.uid}", session=session, now=now)
    return codes


@retry_on_conflict
@transaction.atomic(durable=True)
def remove_factor(
    *, user: User, factor_uid: uuid.UUID, session: SessionBase, now: datetime
) -> None:
    """Take away one's own second factor; with the last one go the recovery codes.

    All other sign-ins end. Raises: Missing.
    """
    owner = _lock(user)
    factor = second_factors(owner).filter(uid=factor_uid).first()
    if factor is None:
        raise Missing()
    facts = {"kind": str(factor.kind)}
    record_event(Action.SECOND_FACTOR_REMOVED, subject=factor, by=user, facts=facts)
    factor.delete()
    if not has_second_factor(owner):
        RecoveryCode.objects.filter(user=owner).delete()
    _follow_up(owner, key=f"removed {factor_uid}", session=session, now=now)


@retry_on_conflict
@transaction.atomic(durable=True)
def renew_recovery_codes(*, user: User, now: datetime) -> list[str]:
    """Make new recovery codes; the old ones are void. Raises: WithoutSecondFactor."""
    owner = _lock(user)
    if not has_second_factor(owner):
        raise WithoutSecondFactor()
    record_event(Action.RECOVERY_CODES_RENEWED, subject=owner, by=user)
    return _renew(owner)


@retry_on_conflict
def use_factor_code(*, user: User, code: str, now: datetime) -> None:
    """Take a code of the authenticator app, or a recovery code; each is good once.

    Raises: FactorCodeInvalid, TooManyTries.
    """
    refusal = _use_code(user, rules.plain_code(code), now)
    if refusal is not None:
        raise refusal


def require_otp(*, user: User, otp: str, now: datetime) -> None:
    """See to it that an API client shows what the account asks for besides the password.

    Raises: OtpRequired, InvalidCredentials, SecondFactorMissing, TooManyTries.
    """
    if not has_second_factor(user):
        if user.is_staff and settings.STAFF_SECOND_FACTOR_REQUIRED:
            raise SecondFactorMissing()
        return
    if not otp:
        raise OtpRequired()
    try:
        use_factor_code(user=user, code=otp, now=now)
    except FactorCodeInvalid as wrong:
        raise InvalidCredentials() from wrong


@retry_on_conflict
@transaction.atomic(durable=True)
def take_away_factors(*, user_uid: uuid.UUID, reason: str, by: User, now: datetime) -> User:
    """Take all second factors from an account whose owner has lost them; all sign-ins end.

    Raises: ReasonMissing, OwnFactor, WithoutSecondFactor.
    """
    if not reason.strip():
        raise ReasonMissing()
    owner = lock(User.objects.filter(uid=user_uid), Rung.MEMBER).get()
    if owner == by:
        raise OwnFactor()
    if not has_second_factor(owner):
        raise WithoutSecondFactor()
    forget_factors(user=owner)
    record_event(Action.SECOND_FACTOR_REMOVED, subject=owner, by=by, reason=reason.strip())
    _follow_up(owner, key=f"taken away {now.isoformat()}", session=None, now=now)
    return owner


def forget_factors(*, user: User) -> None:
    """Delete in the caller's transaction all that an account shows besides a password."""
    SecondFactor.objects.filter(user=user).delete()
    RecoveryCode.objects.filter(user=user).delete()
    FactorTries.objects.filter(user=user).delete()


@transaction.atomic(durable=True)
def _use_code(user: User, code: str, now: datetime) -> FactorCodeInvalid | TooManyTries | None:
    """Return a refusal rather than raise it: the count of failures must be committed."""
    owner = _lock(user)
    tries = FactorTries.objects.filter(user=owner).first()
    until = rules.wait_until(tries.failures, tries.last_failed_at) if tries else now
    if until > now:
        return TooManyTries(retry_after=int((until - now).total_seconds()) + 1)
    if _is_good(owner, code, now):
        FactorTries.objects.filter(user=owner).delete()
        return None
    tries = tries or FactorTries(user=owner)
    tries.failures, tries.last_failed_at = tries.failures + 1, now
    tries.save()
    record_event(Action.SECOND_FACTOR_FAILED, subject=owner, by=owner, outcome=Outcome.DENIED)
    return FactorCodeInvalid()


def _is_good(owner: User, code: str, now: datetime) -> bool:
    app = second_factors(owner).filter(kind=FactorKind.APP).first()
    if app is not None and app.secret is not None:
        step = rules.matching_step(app.secret.reveal(), code, now=now, last_step=app.last_step)
        if step is not None:
            app.last_step, app.last_used_at = step, now
            app.save(update_fields=["last_step", "last_used_at"])
            return True
    unused = RecoveryCode.objects.filter(user=owner, used_at=None)
    return bool(unused.filter(digest=RECOVERY.digest(owner.uid, code)).update(used_at=now))


def _renew(user: User) -> list[str]:
    RecoveryCode.objects.filter(user=user).delete()
    codes = [new_reference() for _ in range(rules.RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user=user, digest=RECOVERY.digest(user.uid, code)) for code in codes
    )
    return codes


def _has_recovery_codes(user: User) -> bool:
    return RecoveryCode.objects.filter(user=user).exists()


def _lock(user: User) -> User:
    return lock(User.objects.filter(pk=user.pk), Rung.MEMBER).get()


def _follow_up(user: User, *, key: str, session: SessionBase | None, now: datetime) -> None:
    end_sessions(user=user, now=now, keep=session)
    member = Member.objects.filter(user=user).first()
    if member is not None:
        notify_member(
            member=member,
            kind="second_factor_changed",
            key=key,
            facts={},
            path="account/second-factor/",
            now=now,
        )
