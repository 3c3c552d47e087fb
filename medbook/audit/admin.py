"""How do auditors read the operation log?"""

import uuid

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from medbook.admin_site import ReadOnly
from medbook.audit.models import OperationLog


@admin.register(OperationLog)
class OperationLogAdmin(ReadOnly, admin.ModelAdmin):
    """Newest first; found by the id of actor, subject, patient or request, or by address."""

    list_display = [
        "at",
        "action",
        "outcome",
        "actor_role",
        "actor_uid",
        "subject_type",
        "subject_uid",
        "ip",
        "channel",
    ]
    list_filter = ["outcome", "channel", "action"]
    date_hierarchy = "at"
    ordering = ["-id"]
    search_fields = ["request_id"]  # shows the box; what it finds is said below
    show_full_result_count = False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OperationLog], search_term: str
    ) -> tuple[QuerySet[OperationLog], bool]:
        """Look one id up by the log's indexes, instead of reading all rows for a piece of text."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(request_id=term)
        try:
            uid = uuid.UUID(term)
        except ValueError:
            return queryset.filter(found), False
        found |= Q(actor_uid=uid) | Q(subject_uid=uid) | Q(patient_uid=uid)
        return queryset.filter(found), False
