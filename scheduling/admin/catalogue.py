"""How do staff keep clinics, departments, rooms, kinds of visit and doctors?"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medbook.admin_site import ChoosingAdmin
from scheduling.admin.files import FilesAdmin
from scheduling.models import CalendarDay, Clinic, Department, Doctor, Room, VisitType
from scheduling.rules import sessions as rules


@admin.register(Clinic)
class ClinicAdmin(admin.ModelAdmin):
    list_display = ["code", "name_en", "name_zh", "time_zone", "country", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["code", "name_en", "name_zh"]
    ordering = ["code"]


@admin.register(CalendarDay)
class CalendarDayAdmin(ChoosingAdmin):
    list_display = ["date", "kind", "as_weekday", "name_en", "name_zh", "clinic"]
    list_display_links = ["date"]
    list_filter = ["kind", "clinic"]
    list_select_related = ["clinic"]
    search_fields = ["name_en", "name_zh"]
    autocomplete_fields = ["clinic"]
    date_hierarchy = "date"
    ordering = ["-date", "clinic__code"]


@admin.register(Department)
class DepartmentAdmin(ChoosingAdmin):
    list_display = ["code", "name_en", "name_zh", "clinic", "release_days_ahead", "is_active"]
    list_filter = ["clinic", "is_active"]
    list_select_related = ["clinic"]
    search_fields = ["code", "name_en", "name_zh"]
    autocomplete_fields = ["clinic"]
    ordering = ["clinic", "code"]
    fieldsets = [
        (None, {"fields": ["clinic", "code", "name_en", "name_zh", "is_active"]}),
        (
            _("Release and sale"),
            {
                "description": _(
                    "In the clinic's time. A change concerns schedules made from now on; those"
                    " that exist keep their moments."
                ),
                "fields": [
                    "horizon_days",
                    ("release_days_ahead", "release_time"),
                    ("sale_stops_days_before", "sale_stops_time"),
                    "same_day_from_time",
                    "sits_on_holidays",
                ],
            },
        ),
        (
            _("Reserved places"),
            {
                "description": _(
                    "Places kept for the front desk and for tiers fall to all at this moment; to"
                    " nobody before the release, and at the stop of the sale at the latest."
                ),
                "fields": [("reserved_days_before", "reserved_time")],
            },
        ),
        (
            _("Booking and cancelling"),
            {
                "description": _("An appointment keeps the rules it was made under."),
                "fields": [
                    "one_visit_a_day",
                    "cancel_hours_before",
                    ("cancel_days_before", "cancel_time"),
                    "late_refund_percent",
                    "free_return_days",
                ],
            },
        ),
    ]


@admin.register(Room)
class RoomAdmin(ChoosingAdmin):
    list_display = ["code", "clinic", "place_en", "place_zh", "is_active"]
    list_filter = ["clinic", "is_active"]
    list_select_related = ["clinic"]
    search_fields = ["code", "place_en", "place_zh"]
    autocomplete_fields = ["clinic"]
    ordering = ["clinic", "code"]


@admin.register(VisitType)
class VisitTypeAdmin(admin.ModelAdmin):
    list_display = ["code", "name_en", "name_zh", "length_minutes", "buffer_minutes"]
    search_fields = ["code", "name_en", "name_zh"]
    ordering = ["code"]


@admin.register(Doctor)
class DoctorAdmin(FilesAdmin):
    list_display = ["code", "name_en", "name_zh", "department", "title", "is_active"]
    list_filter = [
        "department__clinic",
        ("department", admin.RelatedOnlyFieldListFilter),
        "title",
        "is_active",
    ]
    list_select_related = ["department__clinic"]
    search_fields = ["search_text"]
    autocomplete_fields = ["department", "user"]
    ordering = ["code"]
    exported_with = ["department"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look for names, pinyin and staff numbers as members do."""
        return super().get_search_results(request, queryset, rules.searched(search_term))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Leave accounts to those who may see them."""
        return [] if request.user.has_perm("members.view_user") else ["user"]
