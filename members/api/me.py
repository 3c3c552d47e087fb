"""Which API tells members about their account and tier?"""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from medbook import clock
from medbook.api_input import StrictSerializer
from medbook.endpoints import Endpoint
from members.api.permissions import IsMember, calling_member
from members.models import Member
from members.rules.privileges import PRIVILEGE_TYPES, PRIVILEGES, PrivilegeKind
from members.selectors.people import current_suspension, signed_in
from members.selectors.tiers import held_since, held_until, privilege
from members.services.accounts import change_contact

UNITS = sorted({kind.unit for kind in PRIVILEGES.values() if kind.unit})


class TierSerializer(serializers.Serializer):
    """A level of membership."""

    code = serializers.CharField()
    name = serializers.CharField()


class MeSerializer(serializers.Serializer):
    """A member, as told to this member."""

    id = serializers.UUIDField(source="uid")
    number = serializers.CharField()
    phone = serializers.CharField(help_text=_("Masked."))
    email = serializers.CharField(allow_null=True, help_text=_("Masked."))
    language = serializers.ChoiceField(choices=settings.LANGUAGES, source="user.language")
    tier = TierSerializer()
    tier_until = serializers.DateTimeField(
        allow_null=True, help_text=_("The end of the tier's year; null for the first tier.")
    )
    tier_granted_until = serializers.DateTimeField(
        source="granted_until", allow_null=True, help_text=_("Where the clinic has given the tier.")
    )
    tier_ends_at = serializers.DateTimeField(
        source="demotion_at", allow_null=True, help_text=_("Where a lower tier is announced.")
    )
    joined_at = serializers.DateTimeField()
    suspended_until = serializers.DateTimeField(allow_null=True)


class MeBody(StrictSerializer):
    """What a member may change of the account."""

    language = serializers.ChoiceField(choices=settings.LANGUAGES, required=False)
    email = serializers.EmailField(
        max_length=254, required=False, allow_null=True, help_text=_("null takes it away.")
    )


class PrivilegeSerializer(serializers.Serializer):
    """One thing that the member's tier allows."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    type = serializers.ChoiceField(choices=sorted(PRIVILEGE_TYPES))
    unit = serializers.ChoiceField(choices=UNITS, allow_blank=True)
    value = serializers.SerializerMethodField("written")
    valid_from = serializers.DateTimeField(
        allow_null=True, help_text=_("null where it has always held.")
    )
    valid_until = serializers.DateTimeField(
        allow_null=True, help_text=_("null where no other value is planned.")
    )

    @extend_schema_field({"oneOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]})
    def written(self, row: dict[str, Any]) -> Any:
        """Give numbers with a fraction as text, as money is given."""
        value = row["value"]
        return value if isinstance(value, int) else str(value)


class MyPrivilegesSerializer(serializers.Serializer):
    """All that the member's tier allows now."""

    tier = TierSerializer()
    privileges = PrivilegeSerializer(many=True)


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
        rows = [_row(member, kind, clock.now()) for kind in PRIVILEGES.values()]
        return Response(MyPrivilegesSerializer({"tier": member.tier, "privileges": rows}).data)


def _row(member: Member, kind: PrivilegeKind, now: datetime) -> dict[str, Any]:
    return {
        "key": kind.key,
        "label": kind.label,
        "type": kind.type,
        "unit": kind.unit,
        "value": privilege(member, kind.key, now),
        "valid_from": held_since(member.tier, kind.key, now),
        "valid_until": held_until(member.tier, kind.key, now),
    }


def _described(member: Member) -> Any:
    suspension = current_suspension(member, clock.now())
    member.suspended_until = suspension.ends_at if suspension else None  # type: ignore[attr-defined]
    return MeSerializer(member).data
