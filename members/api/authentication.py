"""Who calls the API?"""

import uuid
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenError

from medbook import clock, request_context
from members.models import TokenFamily, User
from members.services.tokens import AccessToken, is_good


class TokenAuthentication(BaseAuthentication):
    """Know a caller by an access token of a living sign-in, and by nothing else."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        """Return the account and the token; None without one. One query.

        Raises: AuthenticationFailed.
        """
        scheme, *rest = get_authorization_header(request).split() or [b""]
        if scheme.lower() != b"bearer":
            return None
        if len(rest) != 1:
            raise _refusal()
        try:
            token = AccessToken(rest[0])  # type: ignore[arg-type]
            family_uid = uuid.UUID(token.get("family", ""))
        except (TokenError, ValueError, AttributeError, TypeError) as wrong:
            raise _refusal() from wrong
        family = TokenFamily.objects.select_related("user").filter(uid=family_uid).first()
        if family is None or not is_good(family, token.payload, clock.now()):
            raise _refusal()
        request_context.identify(
            actor_type="user",
            actor_uid=str(family.user.uid),
            actor_role="staff" if family.user.is_staff else "member",
        )
        return family.user, token

    def authenticate_header(self, request: Request) -> str:
        """Ask for a token."""
        return 'Bearer realm="medbook"'


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the API document describes the tokens."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the header."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def _refusal() -> AuthenticationFailed:
    return AuthenticationFailed(
        _("This token is not valid. Please sign in again."), code="authentication_required"
    )
