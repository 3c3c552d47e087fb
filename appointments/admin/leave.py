"""How does staff call off what a doctor cannot sit: prepared in four pages, or at once?"""

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from appointments.admin.leave_forms import EmergencyForm, LeaveForm, written
from appointments.notifications import called_off_words
from appointments.selectors.leave import (
    called_off_by,
    impact_of,
    job_of,
    jobs_of,
    leaves,
    outcomes,
    tally,
)
from appointments.services import leave as services
from medbook import clock
from medbook.admin_actions import ReasonForm
from medbook.admin_site import MedBookAdminSite
from medbook.errors import Refused
from members.selectors.people import signed_in
from scheduling.choices import LeaveState
from scheduling.models import Leave

ON_A_PAGE = 50
CALL_OFF, CALL_OFF_TODAY = "appointments.call_off", "scheduling.call_off_today"
STEPS = (
    ("leave_who", gettext_lazy("Who and when")),
    ("leave_impact", gettext_lazy("What it means")),
    ("leave_messages", gettext_lazy("What members are told")),
    ("leave_confirm", pgettext_lazy("leave", "Confirm")),
)
LANGUAGES = {"en": gettext_lazy("English"), "zh-hans": gettext_lazy("Chinese")}
Step = Callable[[HttpRequest, Leave], HttpResponse]
to_be_filled = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
@never_cache
def leave_list(request: HttpRequest) -> HttpResponse:
    """List leaves, the latest first, with how far each is."""
    page = Paginator(leaves(), ON_A_PAGE).get_page(request.GET.get("page"))
    jobs = jobs_of(page)
    context = {"page": page, "rows": [(leave, jobs.get(str(leave.uid))) for leave in page]}
    return _shown(request, "leaves.html", _("Leave"), context)


@to_be_filled
@never_cache
def leave_new(request: HttpRequest) -> HttpResponse:
    """Write a new leave down as a draft."""
    now = clock.now()
    given = {"doctor": request.GET.get("doctor", ""), "first_day": request.GET.get("day", "")}
    form = LeaveForm(request.POST or None, now=now, initial=given)
    if request.method == "POST" and form.is_valid():
        try:
            leave = services.draft_leave(absence=form.absence, by=signed_in(request.user), now=now)
        except Refused as refusal:
            form.add_error(None, refusal.detail)
        else:
            return redirect("admin:leave_impact", leave.uid)
    return _form_shown(request, "who.html", _("New leave"), form, {"step": "leave_who"})


def of_draft(step: Step) -> Callable[[HttpRequest, uuid.UUID], HttpResponse]:
    """Make a page of the wizard: of a leave that is no draft any more, show what became of it."""

    def page(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
        leave = _found(uid)
        if leave.state != LeaveState.DRAFT:
            return redirect("admin:leave_shown", leave.uid)
        return step(request, leave)

    return to_be_filled(never_cache(page))


@of_draft
def leave_who(request: HttpRequest, leave: Leave) -> HttpResponse:
    """Ask who is away, when and why."""
    form = LeaveForm(request.POST or None, now=clock.now(), initial=written(leave))
    if request.method == "POST" and form.is_valid():
        try:
            services.change_leave(
                leave_uid=leave.uid,
                version=form.cleaned_data["version"] or 0,
                absence=form.absence,
                by=signed_in(request.user),
                now=form.now,
            )
        except Refused as refusal:
            form.add_error(None, refusal.detail)
        else:
            return redirect("admin:leave_impact", leave.uid)
    return _form_shown(request, "who.html", _("Leave"), form, _wizard(leave, "leave_who"))


@of_draft
def leave_impact(request: HttpRequest, leave: Leave) -> HttpResponse:
    """Say whom it would hit, what it costs, and what each could be given instead."""
    impact = impact_of(leave, clock.now())
    page = Paginator(impact.hits, ON_A_PAGE).get_page(request.GET.get("page"))
    context = {**_wizard(leave, "leave_impact"), "impact": impact, "page": page}
    return _shown(request, "impact.html", _("What this leave means"), context)


@of_draft
def leave_messages(request: HttpRequest, leave: Leave) -> HttpResponse:
    """Show what members would read, in each language in which somebody would."""
    now = clock.now()
    impact = impact_of(leave, now)
    previews = []
    for language, count in impact.languages.items():
        hit = next(hit for hit in impact.hits if hit.visit.member.user.language == language)
        words = called_off_words(hit, leave.reason, language, now)
        previews.append((language, LANGUAGES.get(language, language), count, words))
    context = {**_wizard(leave, "leave_messages"), "impact": impact, "previews": previews}
    return _shown(request, "messages.html", _("What members are told"), context)


@of_draft
def leave_confirm(request: HttpRequest, leave: Leave) -> HttpResponse:
    """Ask for the reason, and confirm: the sale closes at once, a job does the rest."""
    now = clock.now()
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.confirm_leave(
                leave_uid=leave.uid,
                version=_number(request.POST.get("version")),
                reason=form.cleaned_data["reason"],
                by=signed_in(request.user),
                now=now,
            )
        except Refused as refusal:
            form.add_error(None, refusal.detail)
        else:
            return redirect("admin:leave_shown", leave.uid)
    context = {**_wizard(leave, "leave_confirm"), "impact": impact_of(leave, now)}
    return _form_shown(request, "confirm.html", _("Confirm the leave"), form, context)


@require_POST
def leave_withdraw(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Give a draft up."""
    leave = _found(uid)
    try:
        services.withdraw_leave(
            leave_uid=leave.uid,
            version=_number(request.POST.get("version")),
            by=signed_in(request.user),
            now=clock.now(),
        )
    except Refused as refusal:
        messages.error(request, refusal.detail)
        return redirect("admin:leave_shown", leave.uid)
    messages.success(request, _("The draft was withdrawn. Nothing was changed."))
    return redirect("admin:leave")


@require_safe
@never_cache
def leave_shown(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Say how far a leave is, and what has become of each visit."""
    leave = _found(uid)
    context: dict[str, Any] = {"leave": leave, "job": job_of(leave)}
    if leave.confirmed_at:
        visits = called_off_by(leave).select_related("department__clinic").order_by("starts_at")
        page = Paginator(visits, ON_A_PAGE).get_page(request.GET.get("page"))
        context |= {"page": page, "outcomes": outcomes(list(page)), "tally": tally(leave)}
    return _shown(request, "leave.html", str(leave.doctor), context)


@require_POST
def leave_carry_on(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Start the job again where it was left lying."""
    leave = services.carry_on(
        leave_uid=_found(uid).uid, by=signed_in(request.user), now=clock.now()
    )
    return redirect("admin:leave_shown", leave.uid)


@to_be_filled
@never_cache
def leave_emergency(request: HttpRequest) -> HttpResponse:
    """Call the rest of a doctor's day off at once."""
    form = EmergencyForm(request.POST or None, now=clock.now())
    if request.method == "POST" and form.is_valid():
        try:
            made = services.call_off_now(
                absence=form.absence,
                reason=form.cleaned_data["because"],
                by=signed_in(request.user),
                now=form.now,
            )
        except Refused as refusal:
            form.add_error(None, refusal.detail)
        else:
            return redirect("admin:leave_shown", made.leave.uid)
    return _form_shown(request, "emergency.html", _("Call today off"), form, {})


def _found(uid: uuid.UUID) -> Leave:
    leave = Leave.objects.select_related("doctor__department__clinic").filter(uid=uid).first()
    if leave is None:
        raise Http404
    return leave


def _wizard(leave: Leave, step: str) -> dict[str, Any]:
    return {"leave": leave, "step": step}


def _number(said: str | None) -> int:
    return int(said) if said and said.isascii() and said.isdigit() and len(said) < 10 else 0


def _form_shown(
    request: HttpRequest, name: str, title: str, form: Any, context: dict[str, Any]
) -> HttpResponse:
    status = 422 if form.errors else 200
    return _shown(request, name, title, {**context, "form": form}, status)


def _shown(
    request: HttpRequest, name: str, title: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": title,
        "steps": STEPS,
        "may_call_off": request.user.has_perm(CALL_OFF),
        "may_call_off_today": request.user.has_perm(CALL_OFF_TODAY),
        **context,
    }
    return TemplateResponse(request, f"admin/leave/{name}", context, status=status)


PAGES = (
    ("leave/", leave_list, "leave", gettext_lazy("Leave"), "scheduling.view_leave"),
    ("leave/new/", leave_new, "leave_new", gettext_lazy("New leave"), CALL_OFF),
    (
        "leave/emergency/",
        leave_emergency,
        "leave_emergency",
        gettext_lazy("Call today off"),
        CALL_OFF_TODAY,
    ),
    ("leave/<uuid:uid>/", leave_shown, "leave_shown", "", "scheduling.view_leave"),
    ("leave/<uuid:uid>/who/", leave_who, "leave_who", "", CALL_OFF),
    ("leave/<uuid:uid>/impact/", leave_impact, "leave_impact", "", CALL_OFF),
    ("leave/<uuid:uid>/messages/", leave_messages, "leave_messages", "", CALL_OFF),
    ("leave/<uuid:uid>/confirm/", leave_confirm, "leave_confirm", "", CALL_OFF),
    ("leave/<uuid:uid>/withdraw/", leave_withdraw, "leave_withdraw", "", CALL_OFF),
    ("leave/<uuid:uid>/carry-on/", leave_carry_on, "leave_carry_on", "", CALL_OFF_TODAY),
)
if isinstance(admin.site, MedBookAdminSite):
    for route, view, name, title, permission in PAGES:
        admin.site.add_page(
            route,
            view,
            name=name,
            title=title,
            permission=permission,
            is_on_home=name in ("leave", "leave_emergency"),
        )
