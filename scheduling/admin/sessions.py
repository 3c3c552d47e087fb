"""How do staff draft and change one session from the grid?"""

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from medbook import clock
from medbook.admin_site import MedBookAdminSite
from medbook.errors import DomainError
from members.selectors.people import signed_in
from scheduling.choices import ScheduleState
from scheduling.errors import VersionConflict
from scheduling.forms import AdjustForm, DayQuery, SessionForm
from scheduling.models import Department, Doctor, Schedule
from scheduling.rules.weeks import Week
from scheduling.selectors.catalogue import schedules_in_full
from scheduling.selectors.prices import price_on
from scheduling.services.rosters import (
    change_schedule,
    delete_draft,
    draft_schedule,
    redraft_schedule,
)

ADD, CHANGE = "scheduling.add_schedule", "scheduling.change_schedule"
USUAL = {"start_time": "08:00", "end_time": "12:00", "max_appointments": 12}


@require_http_methods(["GET", "POST"])
def new_session(request: HttpRequest) -> HttpResponse:
    """Draft a session; the address may say for whom and when."""
    asked = DayQuery(request.GET)
    if not asked.is_valid():
        raise Http404
    doctor = _doctor(asked.cleaned_data["doctor"])
    department = doctor.department if doctor else _department(asked.cleaned_data["department"])
    initial = {**USUAL, "doctor": doctor, "service_date": asked.cleaned_data["day"]}
    form = SessionForm(
        request.POST or None, department=department, initial={**initial, **_as_last(doctor)}
    )
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            drafted = draft_schedule(
                plan=form.plan, by=signed_in(request.user), now=clock.now()
            ).schedule
        except DomainError as refusal:
            form.add_error(None, refusal.detail)
            status = 409
        else:
            messages.success(request, _("The session was drafted."))
            return HttpResponseRedirect(_place_of(drafted))
    context = {"title": _("Draft a session"), "form": form, "back": _grid(department, None)}
    return _page(request, context, form, status)


def _as_last(doctor: Doctor | None) -> dict[str, Any]:
    """Propose what the doctor had last: room, kind of visit, places, and a fee of its own."""
    rows = schedules_in_full()
    last = doctor and rows.filter(doctor=doctor).order_by("-starts_at").first()
    if not last:
        return {}
    clinic = last.department.clinic
    listed = price_on(clinic, last.visit_type, last.doctor.title, last.service_date)
    return {
        "room": last.room_id,
        "visit_type": last.visit_type_id,
        "max_appointments": last.max_appointments,
        "desk_places": last.desk_places,
        "fee": None if last.fee == listed else last.fee,
    }


def _doctor(uid: uuid.UUID | None) -> Doctor | None:
    """Find the doctor of an address. Raises: Http404 when there is none, or no longer."""
    if uid is None:
        return None
    rows = Doctor.objects.filter(is_active=True).select_related("department__clinic")
    doctor = rows.filter(uid=uid).first()
    if doctor is None:
        raise Http404
    return doctor


def _department(code: str) -> Department:
    rows = Department.objects.filter(is_active=True).order_by("clinic__code", "code")
    department = (rows.filter(code=code) if code else rows).first()
    if department is None:
        raise Http404
    return department


@require_http_methods(["GET", "POST"])
def one_session(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Change a draft, or of a published session what may change; delete a draft."""
    schedule = schedules_in_full().filter(uid=uid).first()
    if schedule is None:
        raise Http404
    may_change = request.user.has_perm(CHANGE)
    form = _form(schedule, request.POST or None)
    status = 200
    if request.method == "POST":
        if form is None or not may_change:
            status = 409 if form is None else 403
        elif request.POST.get("act") == "delete":
            status = _try(form, lambda: _delete(request, schedule))
        elif form.is_valid():
            status = _try(form, lambda: _save(request, schedule, form))
        if status == 302:
            return HttpResponseRedirect(_place_of(schedule))
    if form is not None and status == VERSION:
        form, status = _reread(schedule, request, form), 409
    context = {
        "title": _("Session of %(doctor)s") % {"doctor": schedule.doctor},
        "schedule": schedule,
        "is_draft": schedule.state == ScheduleState.DRAFT,
        "form": form if may_change else None,
        "back": _place_of(schedule),
    }
    return _page(request, context, form, status)


VERSION = -1


def _form(schedule: Schedule, data: QueryDict | None) -> Any:
    """Make the form for what may change; None where nothing may."""
    if schedule.state == ScheduleState.PUBLISHED:
        return AdjustForm(data, schedule=schedule)
    if schedule.state != ScheduleState.DRAFT:
        return None
    zone = ZoneInfo(schedule.time_zone)
    initial = {
        name: getattr(schedule, name)
        for name in ("doctor", "room", "visit_type", "service_date", "max_appointments")
    }
    initial |= {
        "start_time": schedule.starts_at.astimezone(zone).time(),
        "end_time": schedule.ends_at.astimezone(zone).time(),
        "desk_places": schedule.desk_places,
        "fee": schedule.fee,
        "high_demand": schedule.high_demand,
        "version": schedule.version,
    }
    return SessionForm(data, department=schedule.department, initial=initial, kept=schedule)


def _try(form: forms.Form, act: Callable[[], None]) -> int:
    """Do it; tell the status of the answer, VERSION for what somebody else has changed."""
    try:
        act()
    except VersionConflict as stale:
        form.add_error(None, stale.detail)
        return VERSION
    except DomainError as refusal:
        form.add_error(None, refusal.detail)
        return 409
    return 302


def _save(request: HttpRequest, schedule: Schedule, form: Any) -> None:
    who: dict[str, Any] = {
        "schedule_uid": schedule.uid,
        "by": signed_in(request.user),
        "now": clock.now(),
    }
    if isinstance(form, SessionForm):
        version = form.cleaned_data["version"] or 0
        redraft_schedule(plan=form.plan, version=version, **who)
    else:
        change_schedule(**form.cleaned_data, **who)
    messages.success(request, _("The session was changed."))


def _delete(request: HttpRequest, schedule: Schedule) -> None:
    version = request.POST.get("version", "")
    delete_draft(
        schedule_uid=schedule.uid,
        version=int(version) if version.isdecimal() else 0,
        by=signed_in(request.user),
        now=clock.now(),
    )
    messages.success(request, _("The draft was deleted."))


def _reread(schedule: Schedule, request: HttpRequest, stale: forms.Form) -> Any:
    """Keep what was typed, beside the version that is there now: saving again is then meant."""
    data = request.POST.copy()
    data["version"] = str(schedule.version)
    form = _form(schedule, data)
    for error in stale.non_field_errors():
        form.add_error(None, error)
    form.add_error(None, _("What you typed is kept below. Saving again replaces that change."))
    return form


def _place_of(schedule: Schedule) -> str:
    return f"{_grid(schedule.department, schedule)}#s-{schedule.uid}"


def _grid(department: Department, schedule: Schedule | None) -> str:
    query = {"clinic": department.clinic.code, "department": department.code}
    if schedule:
        query["week"] = str(Week.of(schedule.service_date))
    return f"{reverse('admin:roster')}?{urlencode(query)}"


def _page(
    request: HttpRequest, context: dict[str, Any], form: forms.Form | None, status: int
) -> HttpResponse:
    if status == 200 and form is not None and form.errors:
        status = 422
    context = {**admin.site.each_context(request), **context}
    return TemplateResponse(request, "admin/roster/session.html", context, status=status)


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "roster/sessions/new/",
        new_session,
        name="roster_new_session",
        title=gettext_lazy("Draft a session"),
        permission=ADD,
        is_on_home=False,
    )
    admin.site.add_page(
        "roster/sessions/<uuid:uid>/",
        one_session,
        name="roster_session",
        title=gettext_lazy("Session"),
        permission="scheduling.view_schedule",
        is_on_home=False,
    )
