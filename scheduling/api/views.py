"""Which API shows the catalogue, and lets staff plan sessions and run the release?"""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from medbook import clock
from medbook.api_input import NoBody, PageQuery, idempotency_key
from medbook.api_schema import keyed, refuses
from medbook.endpoints import Endpoint
from medbook.errors import InProgress
from medbook.idempotency.services import IdempotencyKeyReused
from members.api.permissions import IsStaff
from members.selectors.people import signed_in
from scheduling.api.serializers import (
    ChangeBody,
    ClinicSerializer,
    DepartmentSerializer,
    DoctorSerializer,
    DoctorsQuery,
    PlanBody,
    PublishBody,
    ReleaseSerializer,
    RunSerializer,
    RunsQuery,
    StaffScheduleSerializer,
    StaffSchedulesQuery,
)
from scheduling.choices import RunState
from scheduling.errors import (
    AboveWeeklyHours,
    CapacityBelowBooked,
    DoctorInactive,
    DoctorOnLeave,
    InThePast,
    KeptTooMany,
    NoPrice,
    OnHoliday,
    RoomClosed,
    RoomElsewhere,
    ScheduleClash,
    SessionImpossible,
    VersionConflict,
    WrongState,
)
from scheduling.models import Doctor, Room, VisitType
from scheduling.selectors.catalogue import clinics, departments, doctors, schedules_in_full
from scheduling.selectors.releases import release_runs
from scheduling.services.release import make_due_schedules
from scheduling.services.rosters import (
    SessionPlan,
    change_schedule,
    draft_schedule,
    publish_schedule,
)


class CatalogueEndpoint(Endpoint):
    """An address of the public catalogue."""

    permission_classes = (AllowAny,)
    ordering = ("code",)
    is_catalogue = True


class ClinicList(CatalogueEndpoint):
    """Clinics."""

    query = PageQuery
    serializer_class = ClinicSerializer

    @extend_schema(operation_id="clinics", responses=ClinicSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the clinics."""
        return self.paged(clinics())


class DepartmentList(CatalogueEndpoint):
    """Departments."""

    query = PageQuery
    serializer_class = DepartmentSerializer

    @extend_schema(operation_id="departments", responses=DepartmentSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the departments of all clinics."""
        return self.paged(departments())


class DoctorList(CatalogueEndpoint):
    """Doctors."""

    query = DoctorsQuery
    serializer_class = DoctorSerializer

    @extend_schema(operation_id="doctors", responses=DoctorSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the doctors, or those who fit what is asked."""
        found = doctors(
            now=clock.now(),
            department_uid=self.asked.get("department"),
            text=self.asked.get("q", ""),
            available_from=self.asked.get("available_from"),
            available_to=self.asked.get("available_to"),
        )
        return self.paged(found)


class DoctorDetail(CatalogueEndpoint):
    """One doctor."""

    @extend_schema(operation_id="doctor", responses=DoctorSerializer)
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        """Describe a doctor."""
        doctor = doctors(now=clock.now()).filter(uid=uid).first()
        if doctor is None:
            raise NotFound
        return Response(DoctorSerializer(doctor).data)


class StaffEndpoint(Endpoint):
    """An address for staff; `permissions_by_method` says what each method needs."""

    permission_classes = (IsStaff,)
    permissions_by_method: Mapping[str, str]

    @property
    def permissions_needed(self) -> tuple[str, ...]:
        """Name what this request needs."""
        method = "GET" if self.request.method == "HEAD" else str(self.request.method)
        needed = self.permissions_by_method.get(method)
        return (needed,) if needed else ()


class StaffScheduleList(StaffEndpoint):
    """Schedules as staff keep them."""

    permissions_by_method = {
        "GET": "scheduling.view_schedule",
        "POST": "scheduling.add_schedule",
    }
    query = StaffSchedulesQuery
    ordering = ("starts_at", "uid")
    serializer_class = StaffScheduleSerializer

    @extend_schema(operation_id="staff_schedules", responses=StaffScheduleSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List schedules in any state."""
        filters = {"doctor": "doctor__uid", "department": "department__uid", "state": "state"}
        return self.paged(_asked_of(schedules_in_full(), self.asked, filters))

    @extend_schema(
        operation_id="draft_schedule",
        parameters=keyed(is_required=False),
        request=PlanBody,
        responses={201: StaffScheduleSerializer},
    )
    @refuses(
        SessionImpossible,
        InThePast,
        RoomElsewhere,
        KeptTooMany,
        NoPrice,
        IdempotencyKeyReused,
        InProgress,
    )
    def post(self, request: Request) -> Response:
        """Draft a session, without places; publishing makes them."""
        key = idempotency_key(request, is_required=False)
        said = self.said(PlanBody)
        plan = SessionPlan(
            doctor=_found(
                Doctor.objects.shown().select_related("department__clinic"),
                "doctor",
                uid=said["doctor"],
            ),
            room=_found(Room.objects.filter(is_active=True), "room", uid=said["room"]),
            visit_type=_found(VisitType.objects.all(), "visit_type", code=said["visit_type"]),
            service_date=said["date"],
            start_time=said["start_time"],
            end_time=said["end_time"],
            max_appointments=said["max_appointments"],
            fee=said.get("fee"),
            desk_places=said["desk_places"],
            high_demand=said["high_demand"],
        )
        drafted = draft_schedule(
            plan=plan, by=signed_in(request.user), now=clock.now(), idempotency_key=key
        )
        headers = {"Idempotent-Replay": "true"} if drafted.is_replay else {}
        return Response(_described(drafted.schedule.uid), status=201, headers=headers)


class StaffScheduleDetail(StaffEndpoint):
    """One schedule as staff keep it."""

    permissions_by_method = {
        "GET": "scheduling.view_schedule",
        "PATCH": "scheduling.change_schedule",
    }

    @extend_schema(operation_id="staff_schedule", responses=StaffScheduleSerializer)
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        """Describe a schedule."""
        return Response(_described(uid))

    @extend_schema(
        operation_id="change_schedule",
        request=ChangeBody,
        responses={200: StaffScheduleSerializer},
    )
    @refuses(
        VersionConflict,
        WrongState,
        InThePast,
        RoomElsewhere,
        ScheduleClash,
        CapacityBelowBooked,
        KeptTooMany,
    )
    def patch(self, request: Request, uid: uuid.UUID) -> Response:
        """Give a schedule another room, number of places or fee."""
        said = self.said(ChangeBody)
        if "room" in said:
            rooms = Room.objects.filter(is_active=True)
            said["room"] = _found(rooms, "room", uid=said["room"])
        change_schedule(schedule_uid=uid, by=signed_in(request.user), now=clock.now(), **said)
        return Response(_described(uid))


class StaffSchedulePublish(StaffEndpoint):
    """Publish a draft."""

    permissions_by_method = {"POST": "scheduling.change_schedule"}

    @extend_schema(
        operation_id="publish_schedule",
        request=PublishBody,
        responses={200: StaffScheduleSerializer},
    )
    @refuses(
        WrongState,
        InThePast,
        DoctorInactive,
        DoctorOnLeave,
        RoomClosed,
        RoomElsewhere,
        ScheduleClash,
        OnHoliday,
        AboveWeeklyHours,
    )
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Show a draft to members and make its places."""
        reason = self.said(PublishBody).get("reason", "")
        publish_schedule(
            schedule_uid=uid, by=signed_in(request.user), now=clock.now(), reason=reason
        )
        return Response(_described(uid))


class ReleaseList(StaffEndpoint):
    """Runs of the release."""

    permissions_by_method = {"GET": "scheduling.view_releaserun"}
    query = RunsQuery
    ordering = ("-service_date", "uid")
    serializer_class = RunSerializer

    @extend_schema(operation_id="releases", responses=RunSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the runs, one for each department and date, the latest date first."""
        filters = {"department": "department__uid", "state": "state"}
        return self.paged(_asked_of(release_runs(), self.asked, filters))


class ReleaseRunNow(StaffEndpoint):
    """Run the release."""

    permissions_by_method = {"POST": "scheduling.run_release"}

    @extend_schema(operation_id="run_release", request=NoBody, responses={200: ReleaseSerializer})
    def post(self, request: Request) -> Response:
        """Make the schedules and places that are missing; any number of times."""
        self.said(NoBody)
        dates = make_due_schedules(now=clock.now(), by=signed_in(request.user))
        done = [made for made in dates if made.run.state == RunState.DONE]
        told = {
            "dates": len(dates),
            "schedules": sum(made.schedules for made in done),
            "places": sum(made.slots for made in done),
            "clashes": sum(len(made.run.clashes) for made in done),
            "failed": len(dates) - len(done),
        }
        return Response(ReleaseSerializer(told).data)


def _asked_of(rows: QuerySet, asked: Mapping[str, Any], filters: Mapping[str, str]) -> QuerySet:
    """Keep the rows that fit the query, within its dates."""
    wanted = {column: asked[name] for name, column in filters.items() if name in asked}
    if "first_day" in asked:
        wanted["service_date__gte"] = asked["first_day"]
    if "last_day" in asked:
        wanted["service_date__lte"] = asked["last_day"]
    return rows.filter(**wanted)


def _found(rows: QuerySet, field: str, **key: Any) -> Any:
    """Find what a field names. Raises: ValidationError naming the field."""
    row = rows.filter(**key).first()
    if row is None:
        raise ValidationError({field: [ErrorDetail(_("There is nothing here."), "not_found")]})
    return row


def _described(uid: uuid.UUID) -> Any:
    """Describe a schedule as it is now. Raises: NotFound."""
    schedule = schedules_in_full().filter(uid=uid).first()
    if schedule is None:
        raise NotFound
    return StaffScheduleSerializer(schedule).data
