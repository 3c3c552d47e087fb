"""How do staff keep the weekly patterns?"""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from scheduling.admin.files import FilesAdmin
from scheduling.models import RosterTemplate


@admin.register(RosterTemplate)
class RosterTemplateAdmin(FilesAdmin):
    list_display = [
        "id",
        "doctor",
        "department",
        "weekday",
        "hours",
        "room",
        "max_appointments",
        "fee",
        "valid_from",
        "valid_until",
    ]
    list_display_links = ["id", "doctor"]
    list_filter = [
        "weekday",
        ("doctor__department", admin.RelatedOnlyFieldListFilter),
        "visit_type",
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
                "description": _("A change concerns dates that have no schedule yet."),
                "fields": ["doctor", "room", "visit_type"],
            },
        ),
        (_("When"), {"fields": ["weekday", "start_time", "end_time", "valid_from", "valid_until"]}),
        (_("What"), {"fields": ["max_appointments", "fee"]}),
    ]

    @admin.display(description=_("department"), ordering="doctor__department")
    def department(self, template: RosterTemplate) -> str:
        """Say whose doctor it is."""
        return template.doctor.department.name

    @admin.display(description=_("hours"), ordering="start_time")
    def hours(self, template: RosterTemplate) -> str:
        """Say the time of day."""
        return template.hours
