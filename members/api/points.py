"""Which API tells how a member's points came and went?"""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from medbook import clock
from medbook.api_input import PageQuery
from medbook.api_pages import CursorPages
from medbook.endpoints import Endpoint
from members.api.permissions import IsMember, calling_member
from members.choices import PointReason
from members.selectors.points import balance, ledger_of, point_entries


class ExpiringSerializer(serializers.Serializer):
    """Points that expire together."""

    amount = serializers.IntegerField(source="points")
    expires_at = serializers.DateTimeField()


class PointEntrySerializer(serializers.Serializer):
    """One line of a member's points."""

    id = serializers.UUIDField(source="uid")
    at = serializers.DateTimeField()
    reason = serializers.ChoiceField(choices=PointReason.choices)
    amount = serializers.IntegerField(help_text="Below zero where points went.")
    balance_after = serializers.IntegerField()
    expires_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField(help_text="What the clinic says about it, or empty.")


class PointsPages(CursorPages):
    """Pages that also tell the balance, and what expires when."""

    def get_paginated_response(self, data: Any) -> Response:
        """Wrap a page, with how the member stands now."""
        answer = super().get_paginated_response(data)
        now = clock.now()
        member = calling_member(self.request)
        expiring = ledger_of(member).expiring(now)
        standing = {
            "balance": balance(member),
            "expiring": ExpiringSerializer(expiring, many=True).data,
        }
        return Response({**standing, **answer.data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page."""
        page = super().get_paginated_response_schema(schema)
        amount = {"type": "integer"}
        part = {
            "type": "object",
            "required": ["amount", "expires_at"],
            "properties": {
                "amount": amount,
                "expires_at": {"type": "string", "format": "date-time"},
            },
        }
        return {
            **page,
            "required": ["balance", "expiring", *page["required"]],
            "properties": {
                "balance": {**amount, "description": "Below zero after a refund, perhaps."},
                "expiring": {
                    "type": "array",
                    "items": part,
                    "description": "What expires when, the next first.",
                },
                **page["properties"],
            },
        }


class MyPoints(Endpoint):
    """The caller's points."""

    permission_classes = (IsMember,)
    query = PageQuery
    ordering = ("-seq",)
    serializer_class = PointEntrySerializer
    pagination_class = PointsPages

    @extend_schema(operation_id="my_points", responses={200: PointEntrySerializer(many=True)})
    def get(self, request: Request) -> Response:
        """List how the caller's points came and went, the last entry first."""
        return self.paged(point_entries(calling_member(request)))
