"""Which API shows staff the days at gateways, and closes them?"""

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.serializers import (
    SettlementSerializer,
    SettlementsQuery,
    WholeSettlementSerializer,
)
from billing.errors import DayNotOver, DifferencesOpen, DoesNotAddUp, WrongState
from billing.selectors.settling import settlements
from billing.services.settling import close_settlement
from medbook import clock
from medbook.api_input import NoBody
from medbook.api_schema import refuses
from medbook.endpoints import Endpoint
from medbook.errors import Missing
from members.api.permissions import IsStaff
from members.selectors.people import signed_in

# By which query parameter which days are kept.
WITHIN = {"gateway": "gateway", "state": "state", "first_day": "day__gte", "last_day": "day__lte"}


class SettlementList(Endpoint):
    """The days at gateways."""

    permission_classes = (IsStaff,)
    permissions_needed = ("billing.view_settlement",)
    query = SettlementsQuery
    ordering = ("-day", "uid")
    serializer_class = SettlementSerializer

    @extend_schema(operation_id="settlements", responses=SettlementSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List days at gateways, the latest first."""
        rows = settlements()
        for name, field in WITHIN.items():
            if value := self.asked.get(name):
                rows = rows.filter(**{field: value})
        return self.paged(rows)


class SettlementDetail(Endpoint):
    """One day at one gateway."""

    permission_classes = (IsStaff,)
    permissions_needed = ("billing.view_settlement",)

    @extend_schema(operation_id="settlement", responses=WholeSettlementSerializer)
    @refuses(Missing)
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        """Lay our sums of a day beside the gateway's, with what differs."""
        return _settlement(uid)


class SettlementClose(Endpoint):
    """Close a day at a gateway."""

    permission_classes = (IsStaff,)
    permissions_needed = ("billing.settle",)

    @extend_schema(
        operation_id="close_settlement",
        request=NoBody,
        responses={200: WholeSettlementSerializer},
    )
    @refuses(Missing, DifferencesOpen, DayNotOver, DoesNotAddUp, WrongState)
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Book what the gateway pays out for a day, and freeze the day; this cannot be undone."""
        self.said(NoBody)
        close_settlement(uid=uid, by=signed_in(request.user), now=clock.now())
        return _settlement(uid)


def _settlement(uid: uuid.UUID) -> Response:
    settlement = settlements().filter(uid=uid).first()
    if settlement is None:
        raise Missing()
    return Response(WholeSettlementSerializer(settlement).data)
