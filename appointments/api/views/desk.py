"""Which API lets the desk act for members and patients?"""

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from appointments.api.serializers import VisitSerializer
from appointments.api.views.appointments import VisitEndpoint
from appointments.errors import AlreadyCancelled, CalledOff, StillExpected, WrongState
from appointments.services.cancelling import cancel_appointment
from appointments.services.missing import mark_no_show
from medbook.api_input import NoBody
from medbook.api_schema import refuses


class VisitNoShow(VisitEndpoint):
    """Note that a patient has not come."""

    permissions_needed = ("appointments.note_no_show",)

    @extend_schema(operation_id="note_no_show", request=NoBody, responses={200: VisitSerializer})
    @refuses(StillExpected, CalledOff, WrongState)
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Note that the patient has not come, 15 minutes after the start at the soonest."""
        return self.moved(mark_no_show, uid)


class VisitCancel(VisitEndpoint):
    """Cancel for a member."""

    permissions_needed = ("appointments.cancel_for_member",)

    @extend_schema(
        operation_id="cancel_for_member", request=NoBody, responses={200: VisitSerializer}
    )
    @refuses(AlreadyCancelled, WrongState)
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Cancel for the member who called; no deadline binds the desk."""
        return self.moved(cancel_appointment, uid)
