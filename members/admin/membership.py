"""Where does staff see the rules of membership, and change them after a look at what follows?"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from medbook import clock
from medbook.admin_site import MedBookAdminSite
from medbook.errors import Refused
from members.forms.tiers import PrivilegeForm, ThresholdsForm, WithdrawForm
from members.models import Privilege, Tier
from members.selectors.people import signed_in
from members.selectors.tier_previews import (
    Moves,
    Planned,
    members_of,
    planned,
    preview_privilege,
    preview_thresholds,
    table_of_privileges,
)
from members.selectors.tiers import tiers
from members.services.privileges import change_thresholds, plan_privilege, withdraw_privilege

VIEW = "members.view_privilege"


@dataclass
class Desk:
    """The forms of the page, and what they would do."""

    now: datetime
    tiers: list[Tier]
    privilege: PrivilegeForm
    thresholds: ThresholdsForm
    change: Planned | None = None
    members: int = 0
    moves: Moves | None = None
    errors: list[str] = field(default_factory=list)
    status: int = 200


Step = Callable[[HttpRequest, Desk], str]


@never_cache
@require_http_methods(["GET", "POST"])
def membership(request: HttpRequest) -> HttpResponse:
    """Show what tiers allow and ask for; plan changes, each after a preview."""
    desk = _desk(request)
    if request.method == "POST":
        permission, step = STEPS.get(request.POST.get("step", ""), ("", None))
        if step is None:
            raise BadRequest
        if not request.user.has_perm(permission):
            raise PermissionDenied
        if done := _taken(step, request, desk):
            messages.success(request, done)
            return HttpResponseRedirect(reverse("admin:membership"))
    context = {
        **admin.site.each_context(request),
        "title": _("Tiers and benefits"),
        "desk": desk,
        "rows": table_of_privileges(desk.now),
        "planned": planned(desk.now),
        "may_plan": request.user.has_perm("members.add_privilege"),
        "may_withdraw": request.user.has_perm("members.delete_privilege"),
        "may_change_tiers": request.user.has_perm("members.change_tier"),
    }
    template = "admin/members/membership.html"
    return TemplateResponse(request, template, context, status=desk.status)


def _desk(request: HttpRequest) -> Desk:
    now, all_tiers = clock.now(), tiers()
    step = request.POST.get("step", "")
    plan = request.POST if step in ("preview_privilege", "save_privilege") else None
    ladder = request.POST if step in ("preview_thresholds", "save_thresholds") else None
    asked = {"key": request.GET.get("key", ""), "tier": request.GET.get("tier", "")}
    return Desk(
        now,
        all_tiers,
        PrivilegeForm(plan, prefix="plan", now=now, initial=asked),
        ThresholdsForm(ladder, prefix="ladder", tiers=all_tiers),
    )


def _taken(step: Step, request: HttpRequest, desk: Desk) -> str:
    """Take a step; tell what was done, or nothing where the page is shown again."""
    try:
        return step(request, desk)
    except Refused as refusal:
        desk.errors.append(refusal.detail)
        desk.status = 409
        return ""


def _preview_privilege(request: HttpRequest, desk: Desk) -> str:
    if not _is_valid(desk.privilege, desk):
        return ""
    row = Privilege(**desk.privilege.wanted())
    desk.change, desk.members = preview_privilege(row), members_of(row.tier)
    return ""


def _save_privilege(request: HttpRequest, desk: Desk) -> str:
    if not _is_valid(desk.privilege, desk):
        return ""
    if not desk.privilege.was_previewed():
        return _preview_privilege(request, desk)
    plan_privilege(**desk.privilege.wanted(), by=signed_in(request.user), now=desk.now)
    return _("The change is planned. What is booked already keeps its price and rules.")


def _withdraw(request: HttpRequest, desk: Desk) -> str:
    form = WithdrawForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    withdraw_privilege(
        privilege_uid=form.cleaned_data["uid"], by=signed_in(request.user), now=desk.now
    )
    return _("The planned change is withdrawn.")


def _preview_thresholds(request: HttpRequest, desk: Desk) -> str:
    if _is_valid(desk.thresholds, desk):
        desk.moves = preview_thresholds(desk.thresholds.steps(), desk.now)
    return ""


def _save_thresholds(request: HttpRequest, desk: Desk) -> str:
    if not _is_valid(desk.thresholds, desk):
        return ""
    if not desk.thresholds.was_previewed():
        return _preview_thresholds(request, desk)
    change_thresholds(points_from=desk.thresholds.points_from(), by=signed_in(request.user))
    return _("The points are changed. Members move at the next nightly review.")


def _is_valid(form: forms.Form, desk: Desk) -> bool:
    if not form.is_valid():
        desk.status = 422
    return form.is_valid()


STEPS: dict[str, tuple[str, Any]] = {
    "preview_privilege": ("members.add_privilege", _preview_privilege),
    "save_privilege": ("members.add_privilege", _save_privilege),
    "withdraw": ("members.delete_privilege", _withdraw),
    "preview_thresholds": ("members.change_tier", _preview_thresholds),
    "save_thresholds": ("members.change_tier", _save_thresholds),
}

if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "membership/",
        membership,
        name="membership",
        title=gettext_lazy("Tiers and benefits"),
        permission=VIEW,
    )
