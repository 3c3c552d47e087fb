"""How do staff plan sessions, publish them, and see their places?"""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from medbook import clock
from medbook.admin_actions import ActingAdmin, Answers, confirmed_action
from medbook.admin_site import ReadOnly
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Refused
from members.selectors.people import signed_in
from scheduling.choices import ScheduleState
from scheduling.forms import AdjustForm, DraftForm
from scheduling.models import Schedule, Slot
from scheduling.rules import sessions as rules
from scheduling.selectors.catalogue import schedules_in_full
from scheduling.services.rosters import change_schedule, publish_schedule

CHANGE, CALL_OFF = "scheduling.change_schedule", "appointments.call_off"


@admin.register(Schedule)
class ScheduleAdmin(ActingAdmin):
    """Drafts are edited in the form; what members see changes by actions and the adjust page."""

    form = DraftForm
    change_form_template = "admin/scheduling/schedule_form.html"
    list_display = [
        "doctor",
        "department",
        "service_date",
        "hours",
        "room",
        "max_appointments",
        "shown_fee",
        "state",
    ]
    list_filter = [
        "state",
        "department__clinic",
        ("department", admin.RelatedOnlyFieldListFilter),
    ]
    list_select_related = ["doctor", "department__clinic", "room"]
    search_fields = ["doctor__search_text", "room__code__iexact"]
    autocomplete_fields = ["doctor", "room", "visit_type"]
    date_hierarchy = "service_date"
    ordering = ["-service_date", "starts_at", "id"]
    show_full_result_count = False
    actions = ["publish"]
    fieldsets = [
        (None, {"fields": ["doctor", "room", "visit_type", "read_version"]}),
        (gettext_lazy("When"), {"fields": ["service_date", "start_time", "end_time"]}),
        (gettext_lazy("What"), {"fields": ["max_appointments", "fee"]}),
    ]
    shown = [
        "doctor",
        "department",
        "room",
        "visit_type",
        "service_date",
        "hours",
        "max_appointments",
        "shown_fee",
        "state",
        "release",
        "sale_stops",
        "same_day",
        "template",
        "version",
    ]

    @confirmed_action(
        gettext_lazy("Publish and make the places"),
        permission=CHANGE,
        explanation=gettext_lazy("Members see these sessions from now on, by their release time."),
    )
    def publish(self, request: HttpRequest, schedule: Schedule, answers: Answers) -> None:
        """Publish drafts."""
        publish_schedule(schedule_uid=schedule.uid, by=signed_in(request.user), now=clock.now())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        """Read along what the form says."""
        return schedules_in_full()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show what is published as it is, without a form."""
        if obj is not None and not self.has_change_permission(request, obj):
            return [(None, {"fields": self.shown})]
        return super().get_fieldsets(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Name what is computed, where it is shown."""
        is_read = obj is not None and not self.has_change_permission(request, obj)
        return self.shown if is_read else []

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let the form change drafts only."""
        is_ruled = obj is not None and obj.state != ScheduleState.DRAFT
        return not is_ruled and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep every session: what will not be is called off."""
        return False

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        """Write a draft's next version and note who wrote it."""
        obj.version += 1 if change else 0
        super().save_model(request, obj, form, change)
        record_event(
            Action.SCHEDULE_CHANGED,
            subject=obj,
            by=signed_in(request.user),
            changed=form.changed_data,
            facts={} if change else {"drafted": True},
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the page on which a published session is changed."""
        adjust = self.admin_site.admin_view(self.adjust)
        mine = path("<int:schedule_id>/adjust/", adjust, name="scheduling_schedule_adjust")
        return [mine, *super().get_urls()]

    def adjust(self, request: HttpRequest, schedule_id: int) -> HttpResponse:
        """Change room, places or fee of a session, as the service allows."""
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        schedule = self.get_queryset(request).filter(pk=schedule_id).first()
        if schedule is None:
            raise Http404
        form = AdjustForm(request.POST or None, schedule=schedule)
        if request.method == "POST" and form.is_valid():
            try:
                change_schedule(
                    schedule_uid=schedule.uid,
                    by=signed_in(request.user),
                    now=clock.now(),
                    **form.cleaned_data,
                )
            except Refused as refusal:
                form.add_error(None, refusal.detail)
            else:
                self.message_user(request, _("The session was changed."), messages.SUCCESS)
                page = reverse("admin:scheduling_schedule_change", args=[schedule.pk])
                return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Change the session"),
            "schedule": schedule,
            "form": form,
        }
        status = 422 if form.errors else 200
        return TemplateResponse(
            request, "admin/scheduling/schedule_adjust.html", context, status=status
        )

    @admin.display(description=gettext_lazy("hours"), ordering="starts_at")
    def hours(self, schedule: Schedule) -> str:
        """Say the clinic's times of day."""
        zone = ZoneInfo(schedule.time_zone)
        start, end = schedule.starts_at.astimezone(zone), schedule.ends_at.astimezone(zone)
        return f"{start:%H:%M}–{end:%H:%M}"

    @admin.display(description=gettext_lazy("fee"), ordering="fee")
    def shown_fee(self, schedule: Schedule) -> str:
        """Say the fee with its currency."""
        return schedule.shown_fee

    @admin.display(description=gettext_lazy("released at"))
    def release(self, schedule: Schedule) -> str:
        """Say the release in clinic time."""
        return clock.text(schedule.release_at, schedule.time_zone)

    @admin.display(description=gettext_lazy("sale stops at"))
    def sale_stops(self, schedule: Schedule) -> str:
        """Say the end of the sale in clinic time."""
        return clock.text(schedule.sale_stops_at, schedule.time_zone)

    @admin.display(description=gettext_lazy("same day from"))
    def same_day(self, schedule: Schedule) -> str:
        """Say in clinic time from when what is left can be booked on the day."""
        return clock.text(schedule.same_day_from, schedule.time_zone)


@admin.register(Slot)
class SlotAdmin(ReadOnly, admin.ModelAdmin):
    """Places are read here and changed by booking, calling off and the session's own page."""

    list_display = ["schedule", "number", "start", "state"]
    list_display_links = ["number"]
    list_filter = ["state"]
    list_select_related = ["schedule__doctor", "schedule__department__clinic"]
    search_fields = ["schedule__doctor__search_text"]
    date_hierarchy = "starts_at"
    ordering = ["-id"]
    show_full_result_count = False
    fields = ["schedule", "number", "start", "state"]

    @admin.display(description=gettext_lazy("starts at"), ordering="starts_at")
    def start(self, slot: Slot) -> str:
        """Say the start in clinic time."""
        return clock.text(slot.starts_at, slot.schedule.time_zone)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look for doctors as members do."""
        return super().get_search_results(request, queryset, rules.searched(search_term))
