"""Which API lets people join, sign in, and see what is theirs?"""

import uuid
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from medbook import clock, request_context
from medbook.api_input import NoBody, PageQuery
from medbook.api_schema import refuses
from medbook.endpoints import Endpoint
from members import rules
from members.api.permissions import IsMember, calling_member
from members.api.serializers import (
    CredentialsBody,
    MeBody,
    MeSerializer,
    MyPrivilegesSerializer,
    PatientSerializer,
    RefreshBody,
    RegisterBody,
    RegisteredSerializer,
    TokenPairSerializer,
)
from members.errors import InvalidCredentials
from members.models import Member, User
from members.selectors import current_suspension, patient_links, privileges, signed_in
from members.services.accounts import change_contact, join_member
from members.services.tokens import issue_tokens, revoke_tokens, role_of, rotate_tokens


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


class Me(Endpoint):
    """The account of the caller."""

    permission_classes = (IsMember,)

    @extend_schema(operation_id="me", responses={200: MeSerializer})
    def get(self, request: Request) -> Response:
        """Tell the caller's account and tier."""
        return Response(_described(calling_member(request)))

    @extend_schema(operation_id="change_me", request=MeBody, responses={200: MeSerializer})
    def patch(self, request: Request) -> Response:
        """Change the language and the e-mail address in which the caller is written to."""
        member = change_contact(
            member=calling_member(request), by=signed_in(request.user), **self.said(MeBody)
        )
        return Response(_described(member))


class MyPrivileges(Endpoint):
    """What the caller's tier allows."""

    permission_classes = (IsMember,)

    @extend_schema(operation_id="my_privileges", responses={200: MyPrivilegesSerializer})
    def get(self, request: Request) -> Response:
        """Tell everything that the caller's tier allows now."""
        member = calling_member(request)
        allowed = privileges(member, clock.now())
        rows = [
            {"key": key, "label": kind.label, "type": kind.type, "value": allowed[key]}
            for key, kind in rules.PRIVILEGES.items()
        ]
        return Response(MyPrivilegesSerializer({"tier": member.tier, "privileges": rows}).data)


class MyPatients(Endpoint):
    """For whom the caller may book."""

    permission_classes = (IsMember,)
    query = PageQuery
    serializer_class = PatientSerializer

    @extend_schema(operation_id="my_patients", responses={200: PatientSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """List the patients of the caller's account."""
        return self.paged(patient_links(calling_member(request)))


def _described(member: Member) -> Any:
    suspension = current_suspension(member, clock.now())
    member.suspended_until = suspension.ends_at if suspension else None  # type: ignore[attr-defined]
    return MeSerializer(member).data
