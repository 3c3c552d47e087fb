"""Which API lets people join and sign in?"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from medbook import clock, request_context
from medbook.api_input import NoBody, StrictSerializer
from medbook.api_schema import refuses
from medbook.endpoints import Endpoint
from medbook.errors import DomainError
from members.adapters.lockout import authenticate_in_turn, count_failure
from members.api.fields import (
    CodeText,
    EndingText,
    IdentityNumberText,
    NameText,
    NewPasswordText,
    PasswordText,
    PhoneText,
)
from members.choices import CodePurpose, ConsentPurpose
from members.errors import (
    AccountClosed,
    CodeInvalid,
    DocumentEndingRequired,
    InvalidCredentials,
    OtpRequired,
    RateLimited,
    SecondFactorMissing,
    TooManyTries,
)
from members.models import User
from members.rules.codes import GOOD_FOR
from members.selectors.people import signed_in
from members.services.accounts import join_by_code
from members.services.codes import send_code
from members.services.second_factor import require_otp
from members.services.sign_in import reset_password, sign_in_by_code
from members.services.tokens import issue_tokens, revoke_tokens, role_of, rotate_tokens

STRANGERS_PURPOSES = (CodePurpose.SIGN_UP, CodePurpose.SIGN_IN, CodePurpose.RESET_PASSWORD)


class CredentialsBody(StrictSerializer):
    """What an account signs in with: members by `phone`, staff by `username`."""

    phone = PhoneText(required=False)
    username = serializers.CharField(required=False, max_length=40)
    password = PasswordText(required=False)
    code = CodeText(required=False, help_text=_("Members, instead of the password."))
    document_ending = EndingText(required=False)
    otp = serializers.CharField(
        required=False,
        max_length=40,
        help_text=_("Accounts with a second factor: a code of the app, or a recovery code."),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for one of the two names, and for one proof. Raises: ValidationError."""
        if ("phone" in attrs) == ("username" in attrs):
            raise _missing("phone", _("Send either a phone number or a user name."))
        if "code" not in attrs and "password" not in attrs:
            raise _missing("password", _("Send a password, or the code of a phone."))
        if "code" in attrs and ("password" in attrs or "username" in attrs):
            raise _missing("code", _("A code goes with a phone number, without a password."))
        return attrs


class CodeWish(StrictSerializer):
    """Where to send a code, and what for."""

    phone = PhoneText()
    purpose = serializers.ChoiceField(choices=STRANGERS_PURPOSES)


class CodeSentSerializer(serializers.Serializer):
    """The same answer to everybody."""

    detail = serializers.CharField()
    expires_in = serializers.IntegerField(help_text=_("Seconds that the code is good for."))


class PasswordBody(StrictSerializer):
    """A new password, and the code that allows it."""

    phone = PhoneText()
    code = CodeText()
    password = NewPasswordText()
    document_ending = EndingText(required=False)


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
    """What it takes to become a member: a phone in hand, and the terms."""

    phone = PhoneText()
    code = CodeText(help_text=_("Of purpose sign_up."))
    terms = serializers.BooleanField(help_text=_("Accepts the terms of use; must be true."))
    sensitive_data = serializers.BooleanField(
        default=False,
        help_text=_("Agrees that identity and health data are kept; booking online needs it."),
    )
    news = serializers.BooleanField(default=False, help_text=_("Wants news of the clinic."))
    password = NewPasswordText(required=False)
    name = NameText(max_length=80, required=False)
    identity_number = IdentityNumberText(
        required=False, help_text=_("Without it appointments are made at the desk.")
    )
    document_ending = EndingText(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Put the consents together. Raises: ValidationError without the terms."""
        given = [purpose for purpose in ConsentPurpose if attrs.pop(purpose)]
        if ConsentPurpose.TERMS not in given:
            raise _missing("terms", _("Without this nobody can join."))
        return {**attrs, "consents": given}


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
    @refuses(
        InvalidCredentials, OtpRequired, DocumentEndingRequired, SecondFactorMissing, TooManyTries
    )
    def post(self, request: Request) -> Response:
        """Exchange a password or a code for a pair of tokens."""
        said = self.said(CredentialsBody)
        otp = said.pop("otp", "")
        if "code" in said:
            user: Any = _holder_of(request, said)
        else:
            user = authenticate_in_turn(request._request, **said)
        if not isinstance(user, User) or user.is_staff != ("username" in said):
            raise InvalidCredentials()
        require_otp(user=user, otp=otp, now=clock.now())
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


class Codes(StrangersEndpoint):
    """Have a code sent."""

    @extend_schema(operation_id="send_code", request=CodeWish, responses={202: CodeSentSerializer})
    @refuses(RateLimited)
    def post(self, request: Request) -> Response:
        """Send a code; the answer is the same whether the number has an account or not."""
        said = self.said(CodeWish)
        send_code(
            phone=said["phone"],
            purpose=CodePurpose(said["purpose"]),
            network=request_context.network_of(request_context.current().ip),
            now=clock.now(),
        )
        detail = _("If a code can be sent to this number, it comes within a minute.")
        sent = {"detail": detail, "expires_in": int(GOOD_FOR.total_seconds())}
        return Response(CodeSentSerializer(sent).data, status=202)


class Register(StrangersEndpoint):
    """Become a member."""

    @extend_schema(
        operation_id="register", request=RegisterBody, responses={201: RegisteredSerializer}
    )
    @refuses(AccountClosed)
    def post(self, request: Request) -> Response:
        """Join; the answer is the same whether the phone number was known or not."""
        said = self.said(RegisterBody)
        with _code_judged(request, said):
            join_by_code(**said, language=get_language() or "en", now=clock.now())
        detail = _("Please sign in. If this number had an account before, nothing was changed.")
        return Response(RegisteredSerializer({"detail": detail}).data, status=201)


class Password(StrangersEndpoint):
    """Have forgotten the password."""

    @extend_schema(operation_id="reset_password", request=PasswordBody, responses={204: None})
    @refuses(AccountClosed)
    def post(self, request: Request) -> Response:
        """Set a new password by a code; all sessions and tokens of the account end."""
        said = self.said(PasswordBody)
        with _code_judged(request, said):
            reset_password(**said, now=clock.now())
        return Response(status=204)


def _holder_of(request: Request, said: dict[str, Any]) -> User:
    """Return the account of the phone that a code was read from. Raises: InvalidCredentials."""
    try:
        return sign_in_by_code(**said, now=clock.now())
    except CodeInvalid as refusal:
        count_failure(request._request, said["phone"])
        raise InvalidCredentials() from refusal
    except DocumentEndingRequired:
        if said.get("document_ending"):
            count_failure(request._request, said["phone"])
        raise


@contextmanager
def _code_judged(request: Request, said: dict[str, Any]) -> Iterator[None]:
    """Say of a wrong code or document which field it was. Raises: ValidationError."""
    try:
        yield
    except CodeInvalid as refusal:
        count_failure(request._request, said["phone"])
        raise _wrong("code", refusal) from refusal
    except DocumentEndingRequired as refusal:
        if said.get("document_ending"):
            count_failure(request._request, said["phone"])
        raise _wrong("document_ending", refusal) from refusal


def _wrong(field: str, refusal: DomainError) -> serializers.ValidationError:
    return serializers.ValidationError({field: [ErrorDetail(refusal.detail, refusal.code)]})


def _missing(field: str, detail: Promise) -> serializers.ValidationError:
    return serializers.ValidationError({field: [str(detail)]}, code="required")
