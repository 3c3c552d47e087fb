"""How far is the long work, and what has failed?"""

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from medbook.admin_site import MedBookAdminSite
from medbook.jobs.models import Job

JOBS_ON_A_PAGE = 50


@require_safe
@never_cache
def jobs(request: HttpRequest) -> HttpResponse:
    """List the jobs of the last days, newest first; results are for who asked for them only."""
    pages = Paginator(Job.objects.defer("result").order_by("-id"), JOBS_ON_A_PAGE)
    context = {
        **admin.site.each_context(request),
        "title": _("Jobs"),
        "page": pages.get_page(request.GET.get("page")),
    }
    return TemplateResponse(request, "admin/jobs/jobs.html", context)


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page("jobs/", jobs, name="jobs", title=_("Jobs"), permission="jobs.view_job")
