"""Which API lets people join and sign in?"""

import uuid
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from medbook import clock, request_context
from medbook.api_input import NoBody, StrictSerializer
from medbook.api_schema import refuses
from medbook.endpoints import Endpoint
from members.api.fields import IdentityNumberText, NameText, PhoneText
from members.errors import InvalidCredentials
from members.forms.fields import (
    MOST_PASSWORD_CHARACTERS,
)
from members.models import User
from members.selectors.people import signed_in
from members.services.accounts import join_member
from members.services.tokens import issue_tokens, revoke_tokens, role_of, rotate_tokens


class CredentialsBody(StrictSerializer):
    """What an account signs in with: members by `phone`, staff by `username`."""

    phone = PhoneText(required=False)
    username = serializers.CharField(required=False, max_length=40)
    password = serializers.CharField(max_length=MOST_PASSWORD_CHARACTERS, trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for one of the two names. Raises: ValidationError."""
        if ("phone" in attrs) == ("username" in attrs):
            raise serializers.ValidationError(
                {"phone": [_("Send either a phone number or a user name.")]}, code="required"
            )
        return attrs


class RefreshBody(StrictSerializer):
    """A refresh token to exchange."""

    refresh = serializers.CharField(max_length=2000)


class TokenPairSerializer(serializers.Serializer):
    """Both tokens of a sign-in."""

    access = serializers.CharField()
    refresh = serializers.CharField(help_text=_("Good for one exchange."))
    expires_in = serializers.IntegerField(help_text=_("Seconds that the access token is good for."))
    role = serializers.ChoiceField(choices=["MEMBER", "ADMIN"])


class RegisterBody(StrictSerializer):
    """What it takes to become a member."""

    phone = PhoneText()
    password = serializers.CharField(max_length=MOST_PASSWORD_CHARACTERS, trim_whitespace=False)
    name = NameText(max_length=80)
    identity_number = IdentityNumberText(
        required=False, help_text=_("Without it appointments are made at the desk.")
    )

    def validate_password(self, password: str) -> str:
        """Judge the password by the validators in the settings. Raises: ValidationError."""
        try:
            validate_password(password)
        except ValidationError as wrong:
            raise serializers.ValidationError(wrong.messages, code="invalid") from wrong
        return password


class RegisteredSerializer(serializers.Serializer):
    """The same answer to everybody."""

    detail = serializers.CharField()


class StrangersEndpoint(Endpoint):
    """Let everybody in; look at no token."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class Token(StrangersEndpoint):
    """Sign in."""

    @extend_schema(
        operation_id="sign_in", request=CredentialsBody, responses={200: TokenPairSerializer}
    )
    @refuses(InvalidCredentials)
    def post(self, request: Request) -> Response:
        """Exchange a password for a pair of tokens."""
        said = self.said(CredentialsBody)
        user = authenticate(request._request, **said)
        if not isinstance(user, User) or user.is_staff != ("username" in said):
            raise InvalidCredentials()
        request_context.identify(
            actor_type="user", actor_uid=str(user.uid), actor_role=role_of(user).lower()
        )
        user_logged_in.send(sender=User, request=request._request, user=user)
        return Response(TokenPairSerializer(issue_tokens(user=user, now=clock.now())).data)


class TokenRefresh(StrangersEndpoint):
    """Stay signed in."""

    @extend_schema(
        operation_id="refresh_tokens", request=RefreshBody, responses={200: TokenPairSerializer}
    )
    @refuses(InvalidCredentials)
    def post(self, request: Request) -> Response:
        """Exchange a refresh token for a new pair; each is good once."""
        pair = rotate_tokens(**self.said(RefreshBody), now=clock.now())
        return Response(TokenPairSerializer(pair).data)


class Logout(Endpoint):
    """Sign out."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(operation_id="sign_out", request=NoBody, responses={204: None})
    def post(self, request: Request) -> Response:
        """End this sign-in: all its tokens."""
        self.said(NoBody)
        family_uid = uuid.UUID(request.auth["family"])  # type: ignore[index]
        revoke_tokens(family_uid=family_uid, by=signed_in(request.user), now=clock.now())
        return Response(status=204)


class Register(StrangersEndpoint):
    """Become a member."""

    @extend_schema(
        operation_id="register", request=RegisterBody, responses={201: RegisteredSerializer}
    )
    def post(self, request: Request) -> Response:
        """Join; the answer is the same whether the phone number was known or not."""
        said = self.said(RegisterBody)
        join_member(**said, language=get_language() or "en", now=clock.now())
        detail = _("Please sign in. If this number had an account before, nothing was changed.")
        return Response(RegisteredSerializer({"detail": detail}).data, status=201)
