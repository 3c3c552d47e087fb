"""Which API tells for whom a member may book?"""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from medbook.api_input import PageQuery
from medbook.endpoints import Endpoint
from members.api.permissions import IsMember, calling_member
from members.choices import PatientState, Relation
from members.selectors.people import patient_links


class PatientSerializer(serializers.Serializer):
    """Somebody for whom the member may book. Of documents only a mask is told."""

    id = serializers.UUIDField(source="patient.uid")
    name = serializers.SerializerMethodField()
    relation = serializers.ChoiceField(choices=Relation.choices)
    identity_number = serializers.SerializerMethodField(help_text=_("Masked."))
    has_identity = serializers.BooleanField(source="patient.has_identity")
    state = serializers.ChoiceField(choices=PatientState.choices, source="patient.state")

    def get_name(self, link: Any) -> str:
        """Open the name, which the member has given."""
        return link.patient.name.reveal() if link.patient.name else ""

    def get_identity_number(self, link: Any) -> str | None:
        """Mask the number."""
        number = link.patient.identity_number
        return str(number) if number else None


class MyPatients(Endpoint):
    """For whom the caller may book."""

    permission_classes = (IsMember,)
    query = PageQuery
    serializer_class = PatientSerializer

    @extend_schema(operation_id="my_patients", responses={200: PatientSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """List the patients of the caller's account."""
        return self.paged(patient_links(calling_member(request)))
