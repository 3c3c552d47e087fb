"""How does an API client stay signed in, and how is a stolen token found out?"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token

from medbook.audit.choices import Action, Outcome
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, retry_on_conflict
from members.errors import InvalidCredentials
from members.models import TokenFamily, User

MEMBER, ADMIN = "MEMBER", "ADMIN"


class AccessToken(Token):
    """What a client shows with every request."""

    token_type = "access"  # noqa: S105
    lifetime: timedelta = api_settings.ACCESS_TOKEN_LIFETIME


class RefreshToken(Token):
    """What a client shows once, for a new pair."""

    token_type = "refresh"  # noqa: S105
    lifetime: timedelta = api_settings.REFRESH_TOKEN_LIFETIME


@dataclass(frozen=True)
class TokenPair:
    """One access token and the refresh token that follows it."""

    access: str
    refresh: str
    role: str

    @property
    def expires_in(self) -> int:
        """Tell the seconds that the access token is good for."""
        return int(AccessToken.lifetime.total_seconds())


def role_of(user: User) -> str:
    """Tell the role that tokens of an account carry."""
    return ADMIN if user.is_staff else MEMBER


@transaction.atomic(durable=True)
def issue_tokens(*, user: User, now: datetime) -> TokenPair:
    """Begin a family of tokens for somebody who has just shown a password."""
    return _next_pair(TokenFamily(user=user, created_at=now), now)


@retry_on_conflict
def rotate_tokens(*, refresh: str, now: datetime) -> TokenPair:
    """Exchange a refresh token for a new pair; each is good for one exchange.

    One that comes again was copied by somebody: its whole family ends.
    Raises: InvalidCredentials.
    """
    try:
        claims = RefreshToken(refresh).payload  # type: ignore[arg-type]
    except TokenError as wrong:
        raise InvalidCredentials() from wrong
    pair = _exchange(claims, now)
    if pair is None:
        raise InvalidCredentials()
    return pair


@retry_on_conflict
@transaction.atomic(durable=True)
def revoke_tokens(*, family_uid: uuid.UUID, by: User, now: datetime) -> None:
    """End a sign-in: no token of its family is good any more."""
    family = lock(TokenFamily.objects.filter(uid=family_uid, user=by), Rung.MEMBER).first()
    if family is not None:
        _revoke(family, reason="logout", outcome=Outcome.OK, now=now)


@transaction.atomic(durable=True)
def _exchange(claims: dict[str, Any], now: datetime) -> TokenPair | None:
    """Return None rather than raise: the end of a family must be committed."""
    families = TokenFamily.objects.select_related("user").filter(uid=claims["family"])
    family = lock(families, Rung.MEMBER).first()
    if family is None or not is_good(family, claims, now):
        return None
    if claims["jti"] != family.current_token_id.hex:
        _revoke(family, reason="token_reused", outcome=Outcome.DENIED, now=now)
        return None
    return _next_pair(family, now)


def is_good(family: TokenFamily, claims: dict[str, Any], now: datetime) -> bool:
    """Tell whether tokens of a family still stand for its user."""
    user = family.user
    return (
        family.revoked_at is None
        and family.expires_at > now
        and user.is_active
        and str(user.uid) == claims.get("sub")
        and user.token_version == claims.get("token_version")
    )


def _next_pair(family: TokenFamily, now: datetime) -> TokenPair:
    access, refresh = AccessToken(), RefreshToken()
    role = role_of(family.user)
    for token in (access, refresh):
        token["sub"] = str(family.user.uid)
        token["family"] = str(family.uid)
        token["token_version"] = family.user.token_version
        token["role"] = role
    family.current_token_id = uuid.UUID(refresh["jti"])
    family.expires_at = now + RefreshToken.lifetime
    family.save()
    return TokenPair(access=str(access), refresh=str(refresh), role=role)


def _revoke(family: TokenFamily, *, reason: str, outcome: Outcome, now: datetime) -> None:
    if family.revoked_at is None:
        family.revoked_at = now
        family.save(update_fields=["revoked_at"])
        record_event(
            Action.TOKEN_FAMILY_REVOKED,
            subject=family,
            by=family.user,
            reason=reason,
            outcome=outcome,
        )
