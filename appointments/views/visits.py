"""What has a member booked, and how is it given back?"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

import segno
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from appointments.choices import LIVE_STATES, AppointmentState, CancelCause, View
from appointments.errors import AlreadyCancelled
from appointments.forms import CancelForm
from appointments.models import Appointment
from appointments.rules import booking as rules
from appointments.selectors.diary import visits_of
from appointments.selectors.instead import instead_of, to_choose_anew
from appointments.selectors.terms import agreed_price
from appointments.selectors.visits import shown_appointment
from appointments.services.booking import invoice_subject
from appointments.services.cancelling import cancel_appointment, refund_percent
from appointments.services.rescheduling import require_may_move
from billing.gateways.registry import enabled
from billing.selectors import Account, account_of, receipts_of_payments, refundable, ways_paid
from medbook import clock
from medbook.api import status_of
from medbook.errors import Refused
from members.models import Member
from members.rules.points import to_earn
from members.selectors.strikes import strike_of
from members.selectors.tiers import privilege, tiers_allowed
from members.views.entrance import for_members

VISITS_ON_A_PAGE = 20


@for_members
@require_safe
def appointments(request: HttpRequest, member: Member) -> HttpResponse:
    """List a member's visits by month: to come, past, or cancelled."""
    asked = request.GET.get("view", "")
    view = View(asked) if asked in View.values else View.UPCOMING
    now = clock.now()
    pages = Paginator(visits_of(member, view, now), VISITS_ON_A_PAGE)
    page = pages.get_page(request.GET.get("page"))
    return render(
        request,
        "appointments/appointments.html",
        {
            "member": member,
            "view": view,
            "to_choose_anew": to_choose_anew(member, now) if view == View.UPCOMING else [],
            "groups": _by_month(page),
            "page": page,
            "page_query": f"view={view}",
        },
    )


@for_members
@require_safe
def booked(request: HttpRequest, member: Member, reference: str) -> HttpResponse:
    """Show the slip of a visit that was just booked."""
    visit = shown_appointment(member, reference)
    if visit.state == AppointmentState.HELD:
        return redirect("appointments:confirm", visit.reference)
    if visit.state not in LIVE_STATES:
        return redirect("appointments:appointment", visit.reference)
    return render(request, "appointments/booked.html", _about(visit, clock.now()))


@for_members
@require_safe
def appointment(request: HttpRequest, member: Member, reference: str) -> HttpResponse:
    """Show one visit: when, where, for whom, what it costs, what can be done."""
    visit = shown_appointment(member, reference)
    now = clock.now()
    is_moved = "moved" in request.GET and visit.sequence > 0
    about = {**_about(visit, now), "is_moved": is_moved and visit.is_live}
    if visit.state == AppointmentState.CALLED_OFF:
        about["instead"] = instead_of([visit], now)[0]
    return render(request, "appointments/appointment.html", about)


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, member: Member, reference: str) -> HttpResponse:
    """Say what cancelling means; cancel."""
    now = clock.now()
    visit = shown_appointment(member, reference)
    if visit.state not in (AppointmentState.HELD, AppointmentState.BOOKED):
        return redirect("appointments:appointment", visit.reference)
    form = CancelForm(request.POST if request.method == "POST" else None)
    about = _about(visit, now)
    about |= {**_money_back(visit, about["account"], now), "form": form}
    if request.method != "POST":
        return render(request, "appointments/cancel.html", about)
    if not form.is_valid():
        return render(request, "appointments/cancel.html", about, status=422)
    cause = CancelCause(form.cleaned_data["reason"]) if form.cleaned_data["reason"] else None
    try:
        cancel_appointment(appointment_uid=visit.uid, cause=cause, by=member.user, now=now)
    except AlreadyCancelled:
        pass  # pressed twice
    except Refused as refusal:
        context = {**about, "detail": refusal.detail}
        return render(request, "appointments/cancel.html", context, status=status_of(refusal))
    return redirect("appointments:appointment", visit.reference)


def _money_back(visit: Appointment, account: Account, now: datetime) -> dict[str, Any]:
    """Tell what cancelling now would give back, and who may still cancel when it is too late."""
    percent = refund_percent(visit, visit.member.user, now)
    refund = refundable(invoice_subject(visit), percent) if account.paid else Decimal(0)
    return {
        "refund": refund,
        "kept": account.paid - refund,
        "ways_paid": ways_paid(invoice_subject(visit)) if refund else [],
        "late_tiers": tiers_allowed("can_cancel_late", now) if now >= visit.cancel_until else [],
        "now_over": now >= visit.starts_at,
    }


def _about(visit: Appointment, now: datetime) -> dict[str, Any]:
    """Collect what the pages of one visit say."""
    is_held = visit.state == AppointmentState.HELD
    is_booked = visit.state == AppointmentState.BOOKED
    in_time = now < visit.cancel_until
    is_late = is_booked and not in_time and now < visit.starts_at
    account = account_of(invoice_subject(visit))
    return {
        "member": visit.member,
        "strike": strike_of(invoice_subject(visit))
        if visit.state == AppointmentState.NO_SHOW
        else None,
        "clinic": visit.department.clinic,
        "appointment": visit,
        "quote": agreed_price(visit),
        "invoice": account.invoice,
        "account": account,
        "receipts": receipts_of_payments(visit.subject) if account.came_in else [],
        "cancelled_text": _cancelled_text(account),
        "may_pay_online": bool(account.due and visit.state in LIVE_STATES and enabled()),
        "may_move": _may_move(visit, now),
        "points_to_earn": to_earn(visit.price, privilege(visit.member, "points_rate", now)),
        "arrive_by": rules.arrive_by(visit.starts_at) if visit.state in LIVE_STATES else None,
        "qr_svg": _qr(visit.reference) if is_booked else "",
        "deadline": visit.cancel_until,
        "may_cancel": is_held or (is_booked and in_time),
        "may_cancel_late": is_late and privilege(visit.member, "can_cancel_late", now),
    }


def _may_move(visit: Appointment, now: datetime) -> bool:
    try:
        require_may_move(visit, now)
    except Refused:
        return False
    return True


def _cancelled_text(account: Account) -> str:
    """Say what became of place and money."""
    if account.refunds:
        return _("This visit is cancelled and its place is free again. Your refund is asked for.")
    if account.came_in:
        return _("This visit is cancelled. It was too late for a refund.")
    return _("This visit is cancelled and its place is free again. Nothing was charged.")


def _by_month(visits: Iterable[Appointment]) -> list[tuple[date, list[Appointment]]]:
    """Group visits by the clinic's month, in their order."""
    months = groupby(visits, key=lambda visit: visit.service_date.replace(day=1))
    return [(month, list(group)) for month, group in months]


def _qr(reference: str) -> SafeString:
    """Draw a reference to be read by a scanner at the desk."""
    drawing = segno.make(reference, error="m").svg_inline(omitsize=True, border=2)
    return mark_safe(drawing)  # noqa: S308 - drawn from ten letters and digits of our own
