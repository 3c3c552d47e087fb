"""Addresses whose acts are refused or break half-way."""

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from medbook import urls
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing, NotAllowed

handler400 = urls.handler400
handler403 = urls.handler403
handler404 = urls.handler404
handler500 = urls.handler500

REASONS = {"not-allowed": NotAllowed, "denied": PermissionDenied, "missing": Missing}


@transaction.atomic
def begin_and_refuse(request, why):
    """Write something, then refuse: nothing of it may stay."""
    record_event(Action.MEMBER_TIER_CHANGED)
    raise REASONS[why]()


class BeginAndRefuse(APIView):
    """The same by API."""

    permission_classes = (AllowAny,)

    def get(self, request, why):
        if why == "denied":
            self.permission_denied(request)
        begin_and_refuse(request, why)
        return Response()


urlpatterns = [
    path("en/refused/<slug:why>/", begin_and_refuse),
    path("api/v1/refused/<slug:why>/", BeginAndRefuse.as_view()),
    *urls.urlpatterns,
]
