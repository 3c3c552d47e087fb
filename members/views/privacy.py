"""Where does a member see, take along and erase what is known about them?"""

import uuid
from contextlib import suppress
from typing import Any

from django.contrib.auth import logout as end_session
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from medbook import clock
from medbook.api import status_of
from medbook.errors import DomainError
from medbook.jobs.errors import JobIsOver
from medbook.jobs.models import Job
from medbook.jobs.services import cancel_job
from members.forms.privacy import ErasureForm
from members.models import Member
from members.selectors.consents import standings
from members.selectors.looks import described, looks_at
from members.selectors.privacy import erasure_obstacles, export_of, latest_export
from members.services.erasing import erase_member
from members.services.exporting import start_export
from members.views.entrance import for_members
from members.views.recent import recent_sign_in_required

LOOKS_ON_A_PAGE = 20
WORDS = {
    "waiting": _("Your data will be put together in a moment."),
    "running": _("Your data is being put together. You may leave this page."),
    "done": _("Your data is ready."),
    "failed": _("Your data could not be put together. Nothing is lost; please try again."),
    "cancelled": _("You have stopped this. Nothing is kept of it."),
}


@for_members
@require_safe
def privacy(request: HttpRequest, member: Member) -> HttpResponse:
    """Show what a member has agreed to, and lead to everything else about their data."""
    return _privacy_page(request, member)


@recent_sign_in_required(back="members:privacy")
@for_members
@require_POST
def export(request: HttpRequest, member: Member) -> HttpResponse:
    """Ask for everything that is known."""
    try:
        job = start_export(member=member, by=member.user, now=clock.now())
    except DomainError as refusal:
        return _privacy_page(request, member, refusal)
    return redirect("members:export_progress", job.uid)


@for_members
@require_safe
def export_progress(request: HttpRequest, member: Member, uid: uuid.UUID) -> HttpResponse:
    """Show how far the putting together is, as a page or as the part of it that changes."""
    job = _own_export(member, uid)
    context = {"member": member, "job": job, "words": WORDS[job.state]}
    is_part = request.headers.get("HX-Request") == "true"
    template = "members/export_state.html" if is_part else "members/export.html"
    return render(request, template, context)


@for_members
@require_POST
def cancel_export(request: HttpRequest, member: Member, uid: uuid.UUID) -> HttpResponse:
    """Stop the putting together; of one that is over, show how it ended."""
    job = _own_export(member, uid)
    with suppress(JobIsOver):
        cancel_job(job_uid=job.uid, by=member.user, now=clock.now())
    return redirect("members:export_progress", job.uid)


@recent_sign_in_required
@for_members
@require_safe
def export_file(request: HttpRequest, member: Member, uid: uuid.UUID) -> HttpResponse:
    """Hand the file to who asked for it; nobody keeps a copy on the way."""
    job = _own_export(member, uid)
    if job.result is None:
        return redirect("members:export_progress", job.uid)
    answer = HttpResponse(
        job.result.reveal(),
        content_type=job.content_type,
        headers={"Content-Disposition": f'attachment; filename="{job.result_name}"'},
    )
    answer["Cache-Control"] = "no-store, private"
    return answer


@for_members
@require_safe
def access_log(request: HttpRequest, member: Member) -> HttpResponse:
    """Show who of the staff looked at one's records, when and why."""
    page = Paginator(looks_at(member), LOOKS_ON_A_PAGE).get_page(request.GET.get("page"))
    context = {"member": member, "page": page, "looks": described(list(page), member)}
    return render(request, "members/access_log.html", context)


@recent_sign_in_required
@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: HttpRequest, member: Member) -> HttpResponse:
    """Say what goes and what stays; erase once the member number is typed."""
    form = ErasureForm(request.POST if request.method == "POST" else None, expected=member.number)
    if request.method != "POST":
        return _erase_page(request, member, form)
    if not form.is_valid():
        return _erase_page(request, member, form, status=422)
    try:
        erase_member(member_uid=member.uid, by=member.user, now=clock.now())
    except DomainError as refusal:
        return _erase_page(request, member, form, refusal=refusal, status=status_of(refusal))
    end_session(request)
    return redirect("members:erased")


@require_safe
def erased(request: HttpRequest) -> HttpResponse:
    """Say that the account is gone."""
    return render(request, "members/erased.html")


def _privacy_page(
    request: HttpRequest, member: Member, refusal: DomainError | None = None
) -> HttpResponse:
    context = {
        "member": member,
        "standings": standings(member),
        "job": latest_export(member),
        "refusal": refusal,
    }
    status = status_of(refusal) if refusal else 200
    return render(request, "members/privacy.html", context, status=status)


def _erase_page(
    request: HttpRequest,
    member: Member,
    form: ErasureForm,
    *,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    said = {"member": member, "form": form, "obstacles": erasure_obstacles(member), **context}
    return render(request, "members/erase.html", said, status=status)


def _own_export(member: Member, uid: uuid.UUID) -> Job:
    """Find a member's own export. Raises: Http404."""
    job = export_of(member, uid)
    if job is None:
        raise Http404
    return job
