"""Which API lets the desk act for members and patients?"""

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from appointments.api.serializers import DeskBookingBody, VisitSerializer
from appointments.api.views.appointments import VisitEndpoint
from appointments.errors import (
    AlreadyBookedDepartmentDay,
    AlreadyBookedDoctorDay,
    AlreadyCancelled,
    CalledOff,
    ConsentMissing,
    InThePast,
    NotOpenYet,
    NotYourPatient,
    PatientBusy,
    SaleOver,
    StillExpected,
    TooManyOpen,
    WrongState,
)
from appointments.models import Appointment
from appointments.selectors.visits import with_details
from appointments.services.cancelling import cancel_appointment
from appointments.services.desk import book_for_member
from appointments.services.missing import mark_no_show
from medbook import clock
from medbook.api_input import IdempotencyKeyRequired, NoBody, idempotency_key
from medbook.api_schema import keyed, refuses
from medbook.endpoints import Endpoint
from medbook.errors import InProgress
from medbook.idempotency.services import IdempotencyKeyReused
from members.api.permissions import IsStaff
from members.models import FamilyLink
from members.selectors.people import signed_in
from scheduling.errors import SlotTaken, SoldOut


class DeskBooking(Endpoint):
    """Booking for whoever calls."""

    permission_classes = (IsStaff,)
    permissions_needed = ("appointments.book_for_member",)

    @extend_schema(
        operation_id="book_for_member",
        parameters=keyed(is_required=True),
        request=DeskBookingBody,
        responses={201: VisitSerializer},
    )
    @refuses(
        NotYourPatient,
        ConsentMissing,
        TooManyOpen,
        PatientBusy,
        AlreadyBookedDoctorDay,
        AlreadyBookedDepartmentDay,
        IdempotencyKeyRequired,
        IdempotencyKeyReused,
        InProgress,
        CalledOff,
        InThePast,
        NotOpenYet,
        SaleOver,
        SlotTaken,
        SoldOut,
    )
    def post(self, request: Request) -> Response:
        """Book a place for a member who calls; places kept for the desk are given too."""
        key = idempotency_key(request)
        said = self.said(DeskBookingBody)
        links = FamilyLink.objects.standing().select_related("member__tier", "patient")
        link = links.filter(member__uid=said["member"], patient__uid=said["patient"]).first()
        if link is None:
            raise NotYourPatient()
        placed = book_for_member(
            member=link.member,
            patient=link.patient,
            schedule_uid=said["schedule"],
            starts_at=said.get("starts_at"),
            slot_uid=said.get("slot"),
            reason=said.get("reason", ""),
            idempotency_key=key,
            by=signed_in(request.user),
            now=clock.now(),
        )
        visit = with_details(Appointment.objects.filter(pk=placed.appointment.pk)).get()
        headers = {"Idempotent-Replay": "true"} if placed.is_replay else {}
        return Response(VisitSerializer(visit).data, status=201, headers=headers)


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
