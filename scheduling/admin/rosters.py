"""How do staff keep the weekly patterns?"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from medbook import clock
from scheduling.admin.files import FilesAdmin
from scheduling.models import RosterTemplate
from scheduling.selectors.previews import change_preview

CONFIRMED = "confirmed"


@admin.register(RosterTemplate)
class RosterTemplateAdmin(FilesAdmin):
    """A change of a pattern is previewed: it concerns dates that have no schedule yet."""

    list_display = [
        "id",
        "doctor",
        "department",
        "weekday",
        "hours",
        "room",
        "max_appointments",
        "desk_places",
        "shown_fee",
        "valid_from",
        "valid_until",
    ]
    list_display_links = ["id", "doctor"]
    list_filter = [
        "weekday",
        ("doctor__department", admin.RelatedOnlyFieldListFilter),
        "visit_type",
        "high_demand",
    ]
    list_select_related = ["doctor__department__clinic", "room", "visit_type"]
    search_fields = ["doctor__search_text", "room__code__iexact"]
    autocomplete_fields = ["doctor", "room", "visit_type"]
    date_hierarchy = "valid_from"
    ordering = ["doctor__code", "weekday", "start_time"]
    exported_with = ["doctor__department__clinic", "room__clinic", "visit_type"]
    fieldsets = [
        (
            None,
            {
                "description": gettext_lazy("A change concerns dates that have no schedule yet."),
                "fields": ["doctor", "room", "visit_type"],
            },
        ),
        (
            gettext_lazy("When"),
            {"fields": ["weekday", "start_time", "end_time", "valid_from", "valid_until"]},
        ),
        (
            gettext_lazy("What"),
            {"fields": ["max_appointments", "desk_places", "fee", "high_demand"]},
        ),
    ]

    @admin.display(description=gettext_lazy("department"), ordering="doctor__department")
    def department(self, template: RosterTemplate) -> str:
        """Say whose doctor it is."""
        return template.doctor.department.name

    @admin.display(description=gettext_lazy("hours"), ordering="start_time")
    def hours(self, template: RosterTemplate) -> str:
        """Say the time of day."""
        return template.hours

    @admin.display(description=gettext_lazy("fee"), ordering="fee")
    def shown_fee(self, template: RosterTemplate) -> str:
        """Say the fee, or where it comes from."""
        return _("price list") if template.fee is None else number_format(template.fee, 2)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Say first which dates a change leaves alone and which follow it."""
        if request.method == "POST" and CONFIRMED not in request.POST:
            preview = self._preview(request, object_id)
            if preview is not None:
                return preview
        return super().change_view(request, object_id, form_url, extra_context)

    def _preview(self, request: HttpRequest, object_id: str) -> HttpResponse | None:
        """Show what a valid change comes to; None where there is nothing to show."""
        template = self.get_object(request, object_id)
        if template is None or not self.has_change_permission(request, template):
            return None
        form = self.get_form(request, template, change=True)(request.POST, instance=template)
        if not form.is_valid() or not form.has_changed():
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Change a roster template"),
            "template": form.instance,
            "changed": [form.fields[name].label for name in form.changed_data],
            "preview": change_preview(form.instance, clock.now()),
            "asked": [
                (name, value)
                for name, values in request.POST.lists()
                if name != "csrfmiddlewaretoken"
                for value in values
            ],
            "confirmed": CONFIRMED,
        }
        return TemplateResponse(request, "admin/scheduling/rostertemplate_preview.html", context)
