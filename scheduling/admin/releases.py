"""What do staff see of the nightly release, and how do they run it?"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from medbook import clock
from medbook.admin_site import MedBookAdminSite, ReadOnly
from members.selectors.people import signed_in
from scheduling.choices import RunState
from scheduling.models import ReleaseRun
from scheduling.selectors.releases import clash_sentences, due_dates, latest_runs, overdue_release
from scheduling.services.release import MadeDate, make_due_schedules

RUN, VIEW = "scheduling.run_release", "scheduling.view_releaserun"


@admin.register(ReleaseRun)
class ReleaseRunAdmin(ReadOnly, admin.ModelAdmin):
    """Runs are written by the release; the page behind *Run now* starts one."""

    change_list_template = "admin/scheduling/releaserun_list.html"
    list_display = [
        "department",
        "service_date",
        "state",
        "schedules_made",
        "slots_made",
        "clash_count",
        "error",
        "finished_at",
    ]
    list_filter = [
        "state",
        "department__clinic",
        ("department", admin.RelatedOnlyFieldListFilter),
    ]
    list_select_related = ["department__clinic"]
    search_fields = ["department__code", "department__name_en", "department__name_zh"]
    date_hierarchy = "service_date"
    ordering = ["-service_date", "department"]
    show_full_result_count = False
    fields = [
        "department",
        "service_date",
        "state",
        "schedules_made",
        "slots_made",
        "clash_list",
        "error",
        "started_at",
        "finished_at",
    ]

    @admin.display(description=gettext_lazy("clashes"))
    def clash_count(self, run: ReleaseRun) -> int:
        """Count what could not be made."""
        return len(run.clashes)

    @admin.display(description=gettext_lazy("clashes"))
    def clash_list(self, run: ReleaseRun) -> SafeString | str:
        """Say what could not be made and why."""
        return format_html_join("", "<p>{}</p>", ([one] for one in clash_sentences(run))) or "–"


@require_http_methods(["GET", "POST"])
def releases(request: HttpRequest) -> HttpResponse:
    """Show what the release has to do and did last, and let those who may run it now."""
    if request.method == "POST":
        if not request.user.has_perm(RUN):
            raise PermissionDenied
        _tell(request, make_due_schedules(now=clock.now(), by=signed_in(request.user)))
        return HttpResponseRedirect(reverse("admin:releases"))
    now = clock.now()
    context = {
        **admin.site.each_context(request),
        "title": _("Releases"),
        "overdue": overdue_release(now=now),
        "due": len(due_dates(now=now)),
        "runs": latest_runs(),
        "may_run": request.user.has_perm(RUN),
    }
    return TemplateResponse(request, "admin/scheduling/releases.html", context)


def _tell(request: HttpRequest, dates: list[MadeDate]) -> None:
    """Say what a run did."""
    failed = sum(made.run.state == RunState.FAILED for made in dates)
    clashes = sum(len(made.run.clashes) for made in dates if made.run.state == RunState.DONE)
    schedules = sum(made.schedules for made in dates)
    said: dict[str, Any] = {
        "schedules": schedules,
        "places": sum(made.slots for made in dates),
        "dates": sum(made.schedules > 0 for made in dates),
    }
    if schedules:
        text = _("%(schedules)d schedules with %(places)d places were made for %(dates)d dates.")
        messages.success(request, text % said)
    elif not failed:
        messages.info(request, _("Nothing was missing; nothing was made."))
    if clashes:
        text = ngettext(
            "%(count)d roster template could not be followed. The run says why.",
            "%(count)d roster templates could not be followed. The runs say why.",
            clashes,
        )
        messages.warning(request, text % {"count": clashes})
    if failed:
        text = ngettext(
            "%(count)d date failed. The next run tries it again.",
            "%(count)d dates failed. The next run tries them again.",
            failed,
        )
        messages.error(request, text % {"count": failed})


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "releases/",
        releases,
        name="releases",
        title=gettext_lazy("Releases"),
        permission=VIEW,
    )
