"""Which API lets members find sessions and book, and staff see a visit through?"""

import uuid
from collections.abc import Callable, Iterable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from appointments.api.helping import with_alternatives
from appointments.api.serializers import (
    AppointmentSerializer,
    AppointmentsQuery,
    BookingBody,
    CalledOffSerializer,
    CallOffBody,
    CancelBody,
    ConfirmBody,
    RescheduleBody,
    ScheduleSerializer,
    SchedulesQuery,
    SlotSerializer,
    VisitSerializer,
)
from appointments.api.waiting import AlternativesSerializer
from appointments.choices import AppointmentState
from appointments.errors import (
    AlreadyBookedDepartmentDay,
    AlreadyBookedDoctorDay,
    AlreadyCancelled,
    CalledOff,
    ConsentMissing,
    CoolingDown,
    HoldExpired,
    IdentityIncomplete,
    InThePast,
    MemberSuspended,
    NotOpenYet,
    NotYourPatient,
    OtherDepartment,
    OutsideCheckInWindow,
    PatientBusy,
    PatientSuspended,
    PayAtDeskNotAllowed,
    PaymentDue,
    RescheduleLimit,
    SaleOver,
    TooLateToCancel,
    TooManyOpen,
    TooManyPoints,
    WrongState,
)
from appointments.models import Appointment
from appointments.selectors.catalogue import seen_schedule
from appointments.selectors.sessions import SessionFilters, seen_sessions
from appointments.selectors.terms import terms_of
from appointments.selectors.visits import of_member, own_appointment, with_details
from appointments.services.booking import (
    Placed,
    book_slot,
    confirm_appointment,
    hold_slot,
    invoice_subject,
)
from appointments.services.calling_off import call_off_schedules
from appointments.services.cancelling import cancel_appointment
from appointments.services.holds import extend_hold
from appointments.services.rescheduling import reschedule_appointment
from appointments.services.visits import check_in, finish_visit, start_visit
from billing.errors import PolicyNotValid, UnknownGateway, VisitNotCovered
from billing.selectors import Account, accounts_of
from billing.services.policies import policy_by
from medbook import clock, databases
from medbook.api_input import IdempotencyKeyRequired, NoBody, PageQuery, idempotency_key
from medbook.api_schema import helped_by, keyed, refuses
from medbook.endpoints import Endpoint
from medbook.errors import InProgress, Missing
from medbook.idempotency.services import IdempotencyKeyReused
from members.api.permissions import IsMember, IsStaff, calling_member
from members.errors import NotEnoughPoints
from members.models import Member, Patient
from members.selectors.people import member_of, patient_links, signed_in
from scheduling.errors import SlotTaken, SoldOut

MAY_NOT_BOOK = (
    MemberSuspended,
    PatientSuspended,
    NotYourPatient,
    ConsentMissing,
    IdentityIncomplete,
)
BOOKER_REFUSALS = (
    *MAY_NOT_BOOK,
    TooManyOpen,
    PatientBusy,
    AlreadyBookedDoctorDay,
    AlreadyBookedDepartmentDay,
)
PATIENT_REFUSALS = (
    *BOOKER_REFUSALS,
    PayAtDeskNotAllowed,
    TooManyPoints,
    NotEnoughPoints,
    UnknownGateway,
    PolicyNotValid,
    VisitNotCovered,
)
PLACE_REFUSALS = (CalledOff, InThePast, NotOpenYet, SaleOver, SlotTaken, SoldOut)
KEY_REFUSALS = (IdempotencyKeyRequired, IdempotencyKeyReused, InProgress)


class ScheduleList(Endpoint):
    """Sessions of doctors."""

    permission_classes = (AllowAny,)
    query = SchedulesQuery
    ordering = ("starts_at", "uid")
    serializer_class = ScheduleSerializer
    is_catalogue = True

    @extend_schema(operation_id="schedules", responses=ScheduleSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the sessions that are not over, or those of a period."""
        now = clock.now()
        asked = {name: self.asked[name] for name in self.asked if name not in PageQuery().fields}
        self.terms = terms_of(member_of(request.user), now)
        self.now = now
        rows = seen_sessions(SessionFilters(**asked), self.terms, now, using=_source(request))
        return self.paged(rows)

    def get_serializer_context(self) -> dict[str, Any]:
        """Tell the serializer for whom and when it describes."""
        return {**super().get_serializer_context(), "terms": self.terms, "now": self.now}


class SlotList(Endpoint):
    """The places of a session."""

    permission_classes = (AllowAny,)
    query = PageQuery
    ordering = ("number",)
    serializer_class = SlotSerializer
    is_catalogue = True

    @extend_schema(operation_id="slots", responses=SlotSerializer(many=True))
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        """List the places of a session, in order of their numbers."""
        schedule = seen_schedule(uid)
        if schedule is None:
            raise NotFound
        return self.paged(schedule.slots.using(_source(request)))

    def get_serializer_context(self) -> dict[str, Any]:
        """Tell the serializer when, and to whom, it describes."""
        now = clock.now()
        terms = terms_of(member_of(self.request.user), now)
        return {**super().get_serializer_context(), "now": now, "booker": terms.booker}


class MemberEndpoint(Endpoint):
    """An address about the caller's own appointments."""

    permission_classes = (IsMember,)

    def described(self, uid: uuid.UUID) -> Any:
        """Describe an appointment of the caller as it is now. Three queries at most."""
        appointment = own_appointment(calling_member(self.request), uid=uid)
        context = {"accounts": _accounts_of([appointment])}
        return AppointmentSerializer(appointment, context=context).data


class AppointmentList(MemberEndpoint):
    """The caller's appointments."""

    query = AppointmentsQuery
    ordering = ("-starts_at", "-uid")

    @extend_schema(operation_id="appointments", responses=AppointmentSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the caller's appointments, the latest first."""
        rows = of_member(calling_member(request))
        if state := self.asked.get("state"):
            rows = rows.filter(state=state)
        if first_day := self.asked.get("first_day"):
            rows = rows.filter(service_date__gte=first_day)
        if last_day := self.asked.get("last_day"):
            rows = rows.filter(service_date__lte=last_day)
        found = self.paginate_queryset(rows) or []
        context = {"accounts": _accounts_of(found)}
        return self.get_paginated_response(
            AppointmentSerializer(found, many=True, context=context).data
        )

    @extend_schema(
        operation_id="book",
        parameters=keyed(is_required=True),
        request=BookingBody,
        responses={201: AppointmentSerializer},
    )
    @refuses(Missing, *PATIENT_REFUSALS, *PLACE_REFUSALS, *KEY_REFUSALS, CoolingDown)
    @helped_by(alternatives=AlternativesSerializer)
    def post(self, request: Request) -> Response:
        """Book a place, to be paid online or at the clinic, or only hold it for 15 minutes.

        To be paid online it stays held until its invoice is paid.
        """
        key = idempotency_key(request)
        said = self.said(BookingBody)
        member = calling_member(request)
        way_to_pay = said.get("pay")
        wish = {
            "member": member,
            "patient": patient_of(member, said["patient"]),
            "schedule_uid": said["schedule"],
            "starts_at": said.get("starts_at"),
            "slot_uid": said.get("slot"),
            "idempotency_key": key,
            "by": member.user,
            "now": clock.now(),
        }
        with with_alternatives(member, said["schedule"], said.get("starts_at")):
            placed = (
                book_slot(
                    **wish,
                    way_to_pay=way_to_pay,
                    reason=said.get("reason", ""),
                    points=said.get("points", 0),
                    policy=policy_by(said["insurance"]) if "insurance" in said else None,
                )
                if way_to_pay
                else hold_slot(**wish)
            )
        described = self.described(placed.appointment.uid)
        return Response(described, status=201, headers=_replayed(placed))


class AppointmentDetail(MemberEndpoint):
    """One of the caller's appointments."""

    @extend_schema(operation_id="appointment", responses=AppointmentSerializer)
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        """Describe an appointment."""
        return Response(self.described(uid))


class AppointmentConfirm(MemberEndpoint):
    """Confirm a held place."""

    @extend_schema(
        operation_id="confirm", request=ConfirmBody, responses={200: AppointmentSerializer}
    )
    @refuses(*PATIENT_REFUSALS, HoldExpired, WrongState)
    @helped_by(alternatives=AlternativesSerializer)
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Agree on a held place: booked, or held until it is paid online; again changes nothing."""
        said = self.said(ConfirmBody)
        member = calling_member(request)
        with with_alternatives(member, None, appointment_uid=uid):
            confirm_appointment(
                appointment_uid=uid,
                way_to_pay=said["pay"],
                patient=patient_of(member, said["patient"]) if "patient" in said else None,
                reason=said.get("reason", ""),
                points=said.get("points", 0),
                policy=policy_by(said["insurance"]) if "insurance" in said else None,
                by=member.user,
                now=clock.now(),
            )
        return Response(self.described(uid))


class AppointmentExtend(MemberEndpoint):
    """Hold a place longer."""

    @extend_schema(operation_id="extend", request=NoBody, responses={200: AppointmentSerializer})
    @refuses(HoldExpired, WrongState)
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Hold a place 5 minutes longer, once."""
        self.said(NoBody)
        member = calling_member(request)
        appointment = own_appointment(member, uid=uid)
        extend_hold(appointment_uid=appointment.uid, by=member.user, now=clock.now())
        return Response(self.described(uid))


class AppointmentCancel(MemberEndpoint):
    """Cancel before the visit."""

    @extend_schema(
        operation_id="cancel", request=CancelBody, responses={200: AppointmentSerializer}
    )
    @refuses(TooLateToCancel, AlreadyCancelled, WrongState)
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Cancel, give the place back, and ask for the money back; `refunds` says how much."""
        cause = self.said(CancelBody).get("reason")
        by = calling_member(request).user
        cancel_appointment(appointment_uid=uid, cause=cause, by=by, now=clock.now())
        return Response(self.described(uid))


class AppointmentReschedule(MemberEndpoint):
    """Move a visit to another time."""

    @extend_schema(
        operation_id="reschedule",
        parameters=keyed(is_required=True),
        request=RescheduleBody,
        responses={200: AppointmentSerializer},
    )
    @refuses(
        *BOOKER_REFUSALS,
        *PLACE_REFUSALS,
        *KEY_REFUSALS,
        TooLateToCancel,
        RescheduleLimit,
        OtherDepartment,
        TooManyPoints,
        PolicyNotValid,
        VisitNotCovered,
        WrongState,
    )
    @helped_by(alternatives=AlternativesSerializer)
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Move a booked visit; the old time is kept until the new one is certain."""
        member = calling_member(request)
        own_appointment(member, uid=uid)
        key = idempotency_key(request)
        said = self.said(RescheduleBody)
        with with_alternatives(member, said["schedule"], said.get("starts_at")):
            placed = reschedule_appointment(
                appointment_uid=uid,
                schedule_uid=said["schedule"],
                starts_at=said.get("starts_at"),
                slot_uid=said.get("slot"),
                idempotency_key=key,
                by=member.user,
                now=clock.now(),
            )
        return Response(self.described(uid), headers=_replayed(placed))


class ScheduleCallOff(Endpoint):
    """Call a session off."""

    permission_classes = (IsStaff,)
    permissions_needed = ("appointments.call_off",)

    @extend_schema(
        operation_id="call_off", request=CallOffBody, responses={200: CalledOffSerializer}
    )
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Take a session off the sale for good, and call its appointments off."""
        reason = self.said(CallOffBody)["reason"]
        if seen_schedule(uid) is None:
            raise NotFound
        count = call_off_schedules(
            schedule_uids=[uid], reason=reason, by=signed_in(request.user), now=clock.now()
        )
        return Response(CalledOffSerializer({"schedule": uid, "appointments": count}).data)


class VisitEndpoint(Endpoint):
    """An address by which staff moves a visit on."""

    permission_classes = (IsStaff,)

    def moved(self, move: Callable[..., Appointment], uid: uuid.UUID) -> Response:
        """Move a visit on and describe it."""
        self.said(NoBody)
        move(appointment_uid=uid, by=signed_in(self.request.user), now=clock.now())
        visit = with_details(Appointment.objects.filter(uid=uid)).get()
        return Response(VisitSerializer(visit).data)


class VisitCheckIn(VisitEndpoint):
    """Check a patient in."""

    permissions_needed = ("appointments.check_in",)

    @extend_schema(operation_id="check_in", request=NoBody, responses={200: VisitSerializer})
    @refuses(OutsideCheckInWindow, PaymentDue, WrongState)
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Note that the patient has come."""
        return self.moved(check_in, uid)


class VisitStart(VisitEndpoint):
    """Start a consultation."""

    permissions_needed = ("appointments.conduct_visit",)

    @extend_schema(operation_id="start_visit", request=NoBody, responses={200: VisitSerializer})
    @refuses(WrongState)
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Note that the consultation has begun."""
        return self.moved(start_visit, uid)


class VisitFinish(VisitEndpoint):
    """Finish a consultation."""

    permissions_needed = ("appointments.conduct_visit",)

    @extend_schema(operation_id="finish_visit", request=NoBody, responses={200: VisitSerializer})
    @refuses(WrongState)
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Note that the consultation is over."""
        return self.moved(finish_visit, uid)


def _replayed(placed: Placed) -> dict[str, str]:
    """Say by a header where an earlier request had the effect."""
    return {"Idempotent-Replay": "true"} if placed.is_replay else {}


def _source(request: Request) -> str:
    """Name the database for a list; who has a token may just have booked, and reads it there."""
    return "default" if request.auth else databases.catalogue()


def patient_of(member: Member, uid: uuid.UUID) -> Patient:
    """Find one of a member's patients. Raises: NotYourPatient."""
    link = patient_links(member).filter(patient__uid=uid).first()
    if link is None:
        raise NotYourPatient()
    return link.patient


def _accounts_of(appointments: Iterable[Appointment]) -> dict[uuid.UUID, Account]:
    """Find what is asked for appointments, by the appointment's uid. Two queries at most."""
    subjects = {
        appointment.uid: invoice_subject(appointment)
        for appointment in appointments
        if appointment.state != AppointmentState.HELD or appointment.awaits_payment
    }
    accounts = accounts_of(list(subjects.values())) if subjects else {}
    return {uid: accounts[subject] for uid, subject in subjects.items()}
