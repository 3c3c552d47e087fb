"""What waits to be told, and what could not be?"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medbook.admin_site import ReadOnly
from medbook.outbox.models import OutboxMessage


class WaitingFilter(admin.SimpleListFilter):
    """What is still to be done."""

    title = _("state")
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, Any]]:
        return [("yes", _("Waiting")), ("failing", _("Failing")), ("no", _("Handled"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[OutboxMessage]
    ) -> QuerySet[OutboxMessage]:
        match self.value():
            case "yes":
                return queryset.filter(handled_at__isnull=True)
            case "failing":
                return queryset.filter(handled_at__isnull=True, attempts__gt=0)
            case "no":
                return queryset.filter(handled_at__isnull=False)
        return queryset


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnly, admin.ModelAdmin):
    list_display = [
        "topic",
        "handler",
        "created_at",
        "attempts",
        "next_attempt_at",
        "last_error",
        "handled_at",
    ]
    list_filter = [WaitingFilter]
    search_fields = ["topic__exact", "dedupe_key__exact", "request_id__exact"]
    ordering = ["-id"]
    show_full_result_count = False
