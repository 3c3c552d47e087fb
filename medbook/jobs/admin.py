"""How far is the long work, what has failed, and how is it cancelled?"""

import csv
import io
import uuid
from itertools import islice
from typing import cast

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from medbook import clock
from medbook.admin_site import MedBookAdminSite
from medbook.audit.services import Identified
from medbook.errors import Missing, Refused
from medbook.jobs.models import Job
from medbook.jobs.services import cancel_job

JOBS_ON_A_PAGE = 50
MOST_LINES_SHOWN = 200
VIEW = "jobs.view_job"


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


@require_safe
@never_cache
def job(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Show how far one job is to who asked for it, with its result, and to who sees all jobs."""
    found = Job.objects.filter(uid=uid).first()
    is_own = found is not None and found.is_asked_by(request.user)
    if found is None or not (is_own or request.user.has_perm(VIEW)):
        raise Http404
    lines = _lines(found) if is_own else []
    context = {
        **admin.site.each_context(request),
        "title": found.label,
        "job": found,
        "is_own": is_own,
        "is_quiet": found.is_quiet(clock.now()),
        "may_cancel": found.may_be_cancelled and found.may_be_cancelled_by(request.user),
        "so_far": found.so_far() if is_own else None,
        "may_see_all": request.user.has_perm(VIEW),
        "header": lines[0] if lines else [],
        "lines": lines[1:],
    }
    return TemplateResponse(request, "admin/jobs/job.html", context)


@require_POST
def job_cancel(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Stop a job; what it has made stays."""
    try:
        cancel_job(job_uid=uid, by=cast(Identified, request.user), now=clock.now())
    except Missing as nothing:
        raise Http404 from nothing
    except Refused as refusal:
        messages.error(request, refusal.detail)
    return redirect("admin:job", uid)


@require_safe
@never_cache
def job_file(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Give the file that a job made to who asked for it."""
    found = Job.objects.filter(uid=uid).first()
    if found is None or found.result is None or not found.is_asked_by(request.user):
        raise Http404
    return HttpResponse(
        found.result.reveal(),
        content_type=found.content_type,
        headers={"Content-Disposition": f'attachment; filename="{found.result_name}"'},
    )


def _lines(found: Job) -> list[list[str]]:
    """Read the first lines of a result that is a table; none of any other."""
    if found.result is None or not found.content_type.startswith("text/csv"):
        return []
    table = csv.reader(io.StringIO(found.result.reveal().decode("utf-8-sig")))
    return list(islice(table, MOST_LINES_SHOWN + 1))


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page("jobs/", jobs, name="jobs", title=_("Jobs"), permission=VIEW)
    for route, view, name in (
        ("jobs/<uuid:uid>/", job, "job"),
        ("jobs/<uuid:uid>/cancel/", job_cancel, "job_cancel"),
        ("jobs/<uuid:uid>/file/", job_file, "job_file"),
    ):
        admin.site.add_page(
            route, view, name=name, title=_("Job"), permission=None, is_on_home=False
        )
