"""How do staff plan a week on the grid, and publish it?"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from medbook import clock
from medbook.admin_site import MedBookAdminSite
from medbook.errors import DomainError
from members.selectors.people import signed_in
from scheduling.forms import ChosenForm, PublishForm, RosterFilter, read_choice
from scheduling.models import Clinic, Department, Room, Schedule
from scheduling.models.schedules import BINDING
from scheduling.rules.weeks import Week
from scheduling.selectors.catalogue import schedules_in_full
from scheduling.selectors.conflicts import Problem
from scheduling.selectors.weeks import Session, WeekGrid, week_grid
from scheduling.services.rosters import change_schedule, delete_draft, publish_schedule
from scheduling.services.weeks import LeftOut, PlannedWeek, Why, apply_templates, copy_week

VIEW, ADD, CHANGE = (f"scheduling.{act}_schedule" for act in ("view", "add", "change"))
MOST_SAID = 10
WHY: dict[Why, str | Promise] = {
    Why.EXISTS: gettext_lazy("is there already"),
    Why.PAST: gettext_lazy("is over"),
    Why.HOURS: gettext_lazy("the day has no such hours"),
    Why.ROOM_CLOSED: gettext_lazy("the room is closed"),
    Why.DOCTOR_LEFT: gettext_lazy("the doctor is no longer active"),
    Why.NO_PRICE: gettext_lazy("the price list has no price for it"),
}


@dataclass(frozen=True)
class Scope:
    """What a page is about: a week of one or all departments of a clinic."""

    form: RosterFilter
    week: Week
    clinic: Clinic | None
    department: Department | None

    @property
    def departments(self) -> list[Department]:
        """The departments whose doctors are shown."""
        if self.department:
            return [self.department]
        rows = Department.objects.filter(clinic=self.clinic, is_active=True)
        return list(rows.order_by("code")) if self.clinic else []

    @property
    def today(self) -> date:
        """The date in the clinic."""
        return _today(self.clinic)

    def query(self, week: Week | None = None) -> str:
        """Write it for an address, perhaps of another week."""
        return urlencode(
            {
                "week": str(week or self.week),
                "clinic": self.clinic.code if self.clinic else "",
                "department": self.department.code if self.department else "",
            }
        )

    @property
    def page(self) -> str:
        """The address of its grid."""
        return f"{reverse('admin:roster')}?{self.query()}"

    def grid(self) -> WeekGrid | None:
        """Read its rosters; None while there is no clinic."""
        if self.clinic is None:
            return None
        return week_grid(
            clinic=self.clinic, departments=self.departments, week=self.week, now=clock.now()
        )


def _today(clinic: Clinic | None) -> date:
    now = clock.now()
    return clock.local_date(now, clinic.time_zone) if clinic else clock.site_date(now)


def _scope(request: HttpRequest) -> Scope | RosterFilter:
    """Read what is asked for; the form with its errors where that makes no sense."""
    form = RosterFilter(request.GET)
    if not form.is_valid():
        return form
    asked = form.cleaned_data
    clinic = asked["clinic"] or Clinic.objects.filter(is_active=True).order_by("code").first()
    department = asked["department"]
    if "department" not in request.GET and clinic:
        department = Department.objects.filter(clinic=clinic, is_active=True).first()
    week = asked["week"] or Week.of(_today(clinic))
    shown = {"week": str(week), "clinic": clinic, "department": department}
    codes = {name: getattr(value, "code", value) or "" for name, value in shown.items()}
    return Scope(RosterFilter(codes), week, clinic, department)


View = Callable[[HttpRequest, Scope], HttpResponse]


def _scoped(view: View) -> Callable[[HttpRequest], HttpResponse]:
    """Answer 422 with the filter and its errors where the address makes no sense."""

    def answered(request: HttpRequest) -> HttpResponse:
        scope = _scope(request)
        if isinstance(scope, Scope):
            return view(request, scope)
        return _page(request, "week", {"title": _("Rosters"), "filter": scope}, status=422)

    return answered


@require_safe
@_scoped
def roster(request: HttpRequest, scope: Scope) -> HttpResponse:
    """Show the week: conflicts first, then who sits when."""
    return _week(request, scope)


def _week(
    request: HttpRequest, scope: Scope, chosen: ChosenForm | None = None, status: int = 200
) -> HttpResponse:
    grid = scope.grid()
    ticked = {uid for uid, _version in filter(None, chosen.chosen)} if chosen else set()
    context = {
        "title": _("Rosters"),
        "is_nav_sidebar_enabled": False,  # the grid takes the whole width
        "filter": scope.form,
        "scope": scope,
        "grid": grid,
        "query": scope.query(),
        "before": scope.query(scope.week.moved(-1)),
        "after": scope.query(scope.week.moved(1)),
        "now": scope.query(Week.of(scope.today)),
        "rooms": Room.objects.filter(clinic=scope.clinic, is_active=True).order_by("code"),
        "sessions": _address_before_uid("admin:roster_session"),
        "chosen": chosen,
        "ticked": ticked,
        "may_add": request.user.has_perm(ADD),
        "may_change": request.user.has_perm(CHANGE),
        "may_call_off": request.user.has_perm("appointments.call_off"),
    }
    return _page(request, "week", context, status=status)


def _address_before_uid(name: str) -> str:
    """Find what the addresses of all such pages begin with: to ask for each takes long."""
    nobody = uuid.UUID(int=0)
    return reverse(name, args=[nobody]).removesuffix(f"{nobody}/")


@require_POST
@_scoped
def plan_week(request: HttpRequest, scope: Scope) -> HttpResponse:
    """Draft a whole week: like the last one, or as the templates say."""
    plan = {"copy": copy_week, "apply": apply_templates}.get(request.POST.get("act", ""))
    if plan is None:
        messages.error(request, _("Please choose what to do."))
        return _week(request, scope, status=422)
    try:
        planned = plan(
            departments=scope.departments,
            week=scope.week,
            by=signed_in(request.user),
            now=clock.now(),
        )
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        return _week(request, scope, status=409)
    _tell_planned(request, planned)
    return HttpResponseRedirect(scope.page)


def _tell_planned(request: HttpRequest, planned: PlannedWeek) -> None:
    count = len(planned.drafted)
    text = ngettext("%(count)d draft was made.", "%(count)d drafts were made.", count)
    level = messages.SUCCESS if count else messages.INFO
    messages.add_message(request, level, text % {"count": count})
    known = sum(one.why == Why.EXISTS for one in planned.left_out)
    if known:
        text = ngettext(
            "%(count)d session is there already and was left alone.",
            "%(count)d sessions are there already and were left alone.",
            known,
        )
        messages.info(request, text % {"count": known})
    others = [_said(one) for one in planned.left_out if one.why != Why.EXISTS]
    _tell_all(request, messages.WARNING, others)


def _said(one: LeftOut) -> str:
    text = _("Left out: %(doctor)s, %(day)s %(start)s: %(why)s.")
    said = {"doctor": one.doctor, "day": one.day, "start": f"{one.start:%H:%M}"}
    return text % {**said, "why": WHY[one.why]}


def _tell_all(request: HttpRequest, level: int, sentences: list[str]) -> None:
    for sentence in sentences[:MOST_SAID]:
        messages.add_message(request, level, sentence)
    if (hidden := len(sentences) - MOST_SAID) > 0:
        text = ngettext("And %(count)d more.", "And %(count)d more.", hidden)
        messages.add_message(request, level, text % {"count": hidden})


@require_POST
@_scoped
def change_sessions(request: HttpRequest, scope: Scope) -> HttpResponse:
    """Give ticked sessions another room or number of places, or delete drafts; each on its own."""
    form = ChosenForm(request.POST)
    if not form.is_valid():
        return _week(request, scope, form, status=422)
    named = _named(uid for uid, _version in filter(None, form.chosen))
    done, refusals = 0, []
    for uid, version in filter(None, form.chosen):
        try:
            _act(request, form, uid, version)
        except DomainError as refusal:
            refusals.append(_of(named.get(uid), refusal.detail))
        else:
            done += 1
    if done:
        text = ngettext("%(count)d session was changed.", "%(count)d sessions were changed.", done)
        if form.cleaned_data["act"] == "delete":
            text = ngettext("%(count)d draft was deleted.", "%(count)d drafts were deleted.", done)
        messages.success(request, text % {"count": done})
    _tell_all(request, messages.ERROR, refusals)
    return HttpResponseRedirect(scope.page) if done else _week(request, scope, form, status=409)


def _act(request: HttpRequest, form: ChosenForm, uid: uuid.UUID, version: int) -> None:
    asked = form.cleaned_data
    seen: dict[str, Any] = {"schedule_uid": uid, "version": version}
    seen |= {"by": signed_in(request.user), "now": clock.now()}
    if asked["act"] == "delete":
        delete_draft(**seen)
    elif asked["act"] == "room":
        change_schedule(room=asked["room"], **seen)
    else:
        change_schedule(max_appointments=asked["places"], **seen)


def _named(uids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Schedule]:
    return {row.uid: row for row in schedules_in_full().filter(uid__in=list(uids))}


def _of(schedule: Schedule | None, said: str) -> str:
    row = schedule or _("A session that is no longer there")
    return _("%(row)s: %(said)s") % {"row": row, "said": said}


@require_http_methods(["GET", "POST"])
@_scoped
def publish_week(request: HttpRequest, scope: Scope) -> HttpResponse:
    """Show what publishing changes, then publish, each session on its own."""
    grid = scope.grid()
    if grid is None:
        raise Http404
    chosen = _chosen(request, grid)
    asked = [one for one in chosen if any(p.conflict.is_overridable for p in one.problems)]
    form = PublishForm(request.POST if "confirmed" in request.POST else None)
    form.fields["reason"].required = bool(asked)
    forbidden = _forbidden(chosen)
    if form.is_bound and not chosen:
        form.add_error(None, _("Please tick at least one session."))
    if form.is_bound and forbidden:
        form.add_error(None, _("Please resolve the conflicts, or leave these sessions out."))
    if form.is_bound and form.is_valid():
        _publish(request, chosen, form.cleaned_data["reason"])
        return HttpResponseRedirect(scope.page)
    context = {
        "title": _("Publish the week"),
        "scope": scope,
        "query": scope.query(),
        "grid": grid,
        "drafts": grid.drafts,
        "chosen": {session.schedule.pk for session in chosen},
        "changed": [session for session in grid.drafts if session.differences],
        "unchanged": sum(session.schedule.state in BINDING for session in grid.sessions),
        "forbidden": forbidden,
        "needs_reason": bool(asked),
        "form": form,
        "now": clock.now(),
    }
    status = 200 if not form.errors else 409 if forbidden else 422
    return _page(request, "publish", context, status=status)


def _chosen(request: HttpRequest, grid: WeekGrid) -> list[Session]:
    """Find the drafts that are ticked; where nobody has ticked yet, all that can be published."""
    if request.method == "POST":
        ticked = {
            choice[0] for choice in map(read_choice, request.POST.getlist("session")) if choice
        }
        return [session for session in grid.drafts if session.schedule.uid in ticked]
    everything = {session.schedule.pk for session in grid.drafts}
    return [
        session
        for session in grid.drafts
        if not any(problem.forbids(everything) for problem in session.problems)
    ]


def _forbidden(chosen: list[Session]) -> list[Problem]:
    keys = {session.schedule.pk for session in chosen}
    return [problem for session in chosen for problem in session.problems if problem.forbids(keys)]


def _publish(request: HttpRequest, chosen: list[Session], reason: str) -> None:
    places, done, refusals = 0, 0, []
    for session in chosen:
        try:
            published = publish_schedule(
                schedule_uid=session.schedule.uid,
                by=signed_in(request.user),
                now=clock.now(),
                reason=reason,
            )
        except DomainError as refusal:
            refusals.append(_of(session.schedule, refusal.detail))
        else:
            done += 1
            places += published.max_appointments
    if done:
        text = ngettext(
            "%(count)d session was published with %(places)d places.",
            "%(count)d sessions were published with %(places)d places.",
            done,
        )
        messages.success(request, text % {"count": done, "places": places})
    _tell_all(request, messages.ERROR, refusals)


def _page(request: HttpRequest, name: str, context: dict[str, object], status: int) -> HttpResponse:
    context = {**admin.site.each_context(request), **context}
    return TemplateResponse(request, f"admin/roster/{name}.html", context, status=status)


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "roster/", roster, name="roster", title=gettext_lazy("Rosters"), permission=VIEW
    )
    for route, view, name, title, permission in (
        ("plan/", plan_week, "roster_plan", gettext_lazy("Plan the week"), ADD),
        ("change/", change_sessions, "roster_change", gettext_lazy("Change sessions"), CHANGE),
        ("publish/", publish_week, "roster_publish", gettext_lazy("Publish the week"), CHANGE),
    ):
        admin.site.add_page(
            f"roster/{route}", view, name=name, title=title, permission=permission, is_on_home=False
        )
