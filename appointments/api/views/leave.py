"""Which API lets staff call off what a doctor cannot sit, and watch it being done?"""

import uuid
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from appointments.api.leave_serializers import LeaveBody, LeaveInFullSerializer, LeaveSerializer
from appointments.selectors.leave import jobs_of, leaves, tally
from appointments.services.leave import Absence, call_off_now
from medbook import clock
from medbook.api_input import PageQuery, idempotency_key
from medbook.api_schema import keyed, refuses
from medbook.endpoints import Endpoint
from medbook.errors import InProgress
from medbook.idempotency.services import IdempotencyKeyReused
from members.api.permissions import IsStaff
from members.selectors.people import signed_in
from scheduling.errors import LeaveImpossible, LeaveOverlaps
from scheduling.models import Doctor, Leave


class LeaveEndpoint(Endpoint):
    """An address about leaves; `permissions_by_method` says what each method needs."""

    permission_classes = (IsStaff,)
    permissions_by_method: Mapping[str, str] = {
        "GET": "scheduling.view_leave",
        "HEAD": "scheduling.view_leave",
        "POST": "appointments.call_off",
    }

    @property
    def permissions_needed(self) -> tuple[str, ...]:
        """Name what this request needs."""
        needed = self.permissions_by_method.get(str(self.request.method))
        return (needed,) if needed else ()

    def described(self, uid: uuid.UUID) -> Any:
        """Describe a leave as it is now. Raises: NotFound."""
        leave = leaves().filter(uid=uid).first()
        if leave is None:
            raise NotFound
        context = {"jobs": jobs_of([leave]), "tally": tally(leave) if leave.confirmed_at else None}
        return LeaveInFullSerializer(leave, context=context).data


class LeaveList(LeaveEndpoint):
    """Leaves of doctors."""

    query = PageQuery
    ordering = ("-starts_at", "-uid")
    serializer_class = LeaveSerializer

    @extend_schema(operation_id="leaves", responses=LeaveSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List leaves, the latest first."""
        found: list[Leave] = self.paginate_queryset(leaves()) or []
        rows = LeaveSerializer(found, many=True, context={"jobs": jobs_of(found)})
        return self.get_paginated_response(rows.data)

    @extend_schema(
        operation_id="call_off_leave",
        parameters=keyed(is_required=False),
        request=LeaveBody,
        responses={201: LeaveInFullSerializer},
    )
    @refuses(LeaveImpossible, LeaveOverlaps, IdempotencyKeyReused, InProgress)
    def post(self, request: Request) -> Response:
        """Confirm a leave: close the sale at once, and start the job that does the rest."""
        key = idempotency_key(request, is_required=False)
        said = self.said(LeaveBody)
        because = said.pop("because")
        made = call_off_now(
            absence=Absence(**{**said, "doctor": _doctor(said["doctor"])}),
            reason=because,
            by=signed_in(request.user),
            now=clock.now(),
            is_emergency=False,
            idempotency_key=key,
        )
        headers = {"Idempotent-Replay": "true"} if made.is_replay else {}
        return Response(self.described(made.leave.uid), status=201, headers=headers)


class LeaveDetail(LeaveEndpoint):
    """One leave."""

    @extend_schema(operation_id="leave", responses=LeaveInFullSerializer)
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        """Describe a leave, how far its job is, and what it has done."""
        return Response(self.described(uid))


def _doctor(uid: uuid.UUID) -> Doctor:
    doctor = Doctor.objects.shown().select_related("department__clinic").filter(uid=uid).first()
    if doctor is None:
        raise ValidationError({"doctor": [ErrorDetail(_("There is nothing here."), "not_found")]})
    return doctor
