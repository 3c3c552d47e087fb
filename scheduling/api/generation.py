"""Which API makes the sessions of chosen dates, and says how far a job is?"""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from medbook import clock
from medbook.api_input import NoBody, StrictSerializer, idempotency_key
from medbook.api_schema import keyed, refuses
from medbook.endpoints import Endpoint
from medbook.errors import InProgress
from medbook.idempotency.services import IdempotencyKeyReused
from medbook.jobs.choices import JobState
from medbook.jobs.errors import JobIsOver, JobRunsToTheEnd
from medbook.jobs.models import Job
from medbook.jobs.services import cancel_job
from members.api.permissions import IsStaff
from members.selectors.people import signed_in
from scheduling.api.views import StaffEndpoint
from scheduling.errors import PeriodImpossible
from scheduling.models import Department
from scheduling.services.generation import Generation, start_generation


class GenerationBody(StrictSerializer):
    """Of which departments the sessions of which dates are to be made."""

    clinic = serializers.UUIDField(required=False)
    department = serializers.UUIDField(required=False, help_text="With no clinic either: all.")
    first_day = serializers.DateField(help_text="Today or later, by the clinic's calendar.")
    last_day = serializers.DateField(help_text="The last day, at most 92 days in all.")


class JobSerializer(serializers.Serializer):
    """Long work, and how far it is."""

    id = serializers.UUIDField(source="uid")
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=JobState.choices)
    phase = serializers.CharField(help_text="Empty before it begins.")
    done = serializers.IntegerField()
    total = serializers.IntegerField(help_text="0 while it is not known.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class RosterGenerate(StaffEndpoint):
    """Making sessions ahead."""

    permissions_by_method = {"POST": "scheduling.run_release"}

    @extend_schema(
        operation_id="generate_schedules",
        parameters=keyed(is_required=False),
        request=GenerationBody,
        responses={202: JobSerializer},
    )
    @refuses(PeriodImpossible, IdempotencyKeyReused, InProgress)
    def post(self, request: Request) -> Response:
        """Ask for the sessions that roster templates ask for; what exists is left alone."""
        key = idempotency_key(request, is_required=False)
        said = self.said(GenerationBody)
        started = start_generation(
            wanted=Generation(_departments(said), said["first_day"], said["last_day"]),
            by=signed_in(request.user),
            now=clock.now(),
            idempotency_key=key,
        )
        headers = {"Idempotent-Replay": "true"} if started.is_replay else {}
        return Response(JobSerializer(started.job).data, status=202, headers=headers)


class JobDetail(Endpoint):
    """One job, for who asked for it."""

    permission_classes = (IsStaff,)

    @extend_schema(operation_id="job", responses=JobSerializer)
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        """Say how far a job is."""
        found = Job.objects.filter(uid=uid).defer("result").first()
        user = signed_in(request.user)
        if found is None or not (found.is_asked_by(user) or user.has_perm("jobs.view_job")):
            raise NotFound
        return Response(JobSerializer(found).data)


class JobCancel(Endpoint):
    """Cancelling a job, for who asked for it and for who may cancel the jobs of others."""

    permission_classes = (IsStaff,)

    @extend_schema(operation_id="cancel_job", request=NoBody, responses={200: JobSerializer})
    @refuses(JobIsOver, JobRunsToTheEnd)
    def post(self, request: Request, uid: uuid.UUID) -> Response:
        """Stop a job; what it has made stays."""
        self.said(NoBody)
        job = cancel_job(job_uid=uid, by=signed_in(request.user), now=clock.now())
        return Response(JobSerializer(job).data)


def _departments(said: dict[str, Any]) -> list[Department]:
    """Find the departments asked for. Raises: ValidationError where there is none."""
    rows = Department.objects.filter(is_active=True, clinic__is_active=True).order_by("id")
    for field, column in (("clinic", "clinic__uid"), ("department", "uid")):
        if field in said:
            rows = rows.filter(**{column: said[field]})
            if not rows.exists():
                text = ErrorDetail(_("There is nothing here."), "not_found")
                raise ValidationError({field: [text]})
    return list(rows)
