"""Which API tells by which policies a member's patients are insured?"""

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.serializers import PolicySerializer
from billing.models import InsurancePolicy
from medbook.api_input import PageQuery
from medbook.api_schema import refuses
from medbook.endpoints import Endpoint
from medbook.errors import Missing
from members.api.permissions import IsMember, calling_member
from members.selectors.patients import own_entry


class PatientPolicies(Endpoint):
    """By which policies one of the caller's patients is insured."""

    permission_classes = (IsMember,)
    query = PageQuery
    ordering = ("added_at", "uid")
    serializer_class = PolicySerializer

    @extend_schema(operation_id="policies", responses=PolicySerializer(many=True))
    @refuses(Missing)
    def get(self, request: Request, uid: uuid.UUID) -> Response:
        """List a patient's policies; those that others added, with the patient's consent only."""
        link = own_entry(calling_member(request), uid)
        rows = InsurancePolicy.objects.standing().seen_through(link)
        return self.paged(rows.select_related("plan"))
