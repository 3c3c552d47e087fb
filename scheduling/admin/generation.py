"""How do staff make the sessions of weeks that the night has not come to yet?"""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from medbook import clock
from medbook.admin_site import MedBookAdminSite
from medbook.errors import Refused
from members.selectors.people import signed_in
from scheduling.admin.releases import RUN
from scheduling.forms import WeeksForm
from scheduling.selectors.previews import generation_preview
from scheduling.services.generation import Generation, start_generation


@require_http_methods(["GET", "POST"])
def generate(request: HttpRequest) -> HttpResponse:
    """Take departments and weeks, say what would be made, and start it on a second press."""
    asked = request.POST if request.method == "POST" else request.GET
    form = WeeksForm(asked if "week" in asked else None, now=clock.now())
    if not form.is_bound:
        return _page(request, form)
    if not form.is_valid():
        return _page(request, form, status=422)
    wanted = Generation(form.departments(), form.first, form.last)
    if request.method == "GET":
        return _page(request, form, wanted)
    try:
        started = start_generation(wanted=wanted, by=signed_in(request.user), now=clock.now())
    except Refused as refusal:
        form.add_error("week", refusal.detail)
        return _page(request, form, status=422)
    return HttpResponseRedirect(reverse("admin:job", args=[started.job.uid]))


def _page(
    request: HttpRequest, form: WeeksForm, wanted: Generation | None = None, status: int = 200
) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": _("Generate weeks"),
        "form": form,
        "wanted": wanted,
        "preview": generation_preview(wanted.dates) if wanted else None,
    }
    return TemplateResponse(request, "admin/scheduling/generate.html", context, status=status)


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "roster/generate/",
        generate,
        name="roster_generate",
        title=gettext_lazy("Generate weeks"),
        permission=RUN,
    )
