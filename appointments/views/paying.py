"""How does a member pay for a visit online, and see that it is booked?"""

from datetime import datetime
from typing import Any

import segno
from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from appointments.choices import AppointmentState
from appointments.forms import PayForm
from appointments.models import Appointment
from appointments.selectors.terms import agreed_price
from appointments.selectors.visits import shown_appointment
from billing.choices import PaymentState, RefundReason
from billing.gateways.registry import enabled
from billing.models import Payment
from billing.selectors import Account, account_of, latest_payment
from billing.services.payments import Started, check_payment, start_payment
from medbook import clock
from medbook.api import status_of
from medbook.errors import DomainError, Missing
from members.models import Member
from members.views.entrance import for_members

PAID_IN_TIME = (
    AppointmentState.BOOKED,
    AppointmentState.ARRIVED,
    AppointmentState.IN_CONSULTATION,
    AppointmentState.COMPLETED,
)


@csp_update({"form-action": settings.PAYMENT_ORIGINS})
@for_members
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def pay(request: HttpRequest, member: Member, reference: str) -> HttpResponse:
    """Show what is to be paid and how far it is; begin to pay, or ask the gateway."""
    visit = shown_appointment(member, reference)
    account = account_of(visit.subject)
    latest = latest_payment(visit.subject)
    if request.method == "POST" and "check" in request.POST:
        if latest is not None:
            check_payment(payment_uid=latest.uid, now=clock.now())
        return redirect("appointments:pay", visit.reference)
    if over := _over(visit, account):
        return _lead(request, over)
    if request.method != "POST":
        return _show(request, visit, account, latest, PayForm(ways=enabled()))
    form = PayForm(request.POST, ways=enabled())
    if not form.is_valid():
        return _show(request, visit, account, latest, form, status=422)
    try:
        started = _start(request, visit, account, form)
    except Missing:
        raise
    except DomainError as refusal:
        form.add_error(None, refusal.detail)
        latest = latest_payment(visit.subject)
        return _show(request, visit, account, latest, form, status=status_of(refusal))
    if started.way.redirect_url:
        return redirect(started.way.redirect_url)
    return _show(request, visit, account, started.payment, form, qr=started.way.qr)


def _start(request: HttpRequest, visit: Appointment, account: Account, form: PayForm) -> Started:
    due = next((each for each in account.invoices if each.is_due), None)
    if due is None:
        raise Missing()
    address = reverse("appointments:pay", args=[visit.reference])
    return start_payment(
        invoice_uid=due.uid,
        member=visit.member,
        gateway=form.cleaned_data["gateway"],
        return_url=f"{settings.BASE_URL}{address}",
        idempotency_key=str(form.cleaned_data["idempotency_key"]),
        by=visit.member.user,
        now=clock.now(),
    )


def _over(visit: Appointment, account: Account) -> str:
    """Tell which page says what became of a visit for which nothing is to be paid here."""
    if visit.state in PAID_IN_TIME:
        return "" if account.due else reverse("appointments:booked", args=[visit.reference])
    checked = reverse("appointments:confirm", args=[visit.reference])  # or what else is free
    if visit.state == AppointmentState.HELD:
        return "" if visit.awaits_payment else checked
    if visit.state == AppointmentState.EXPIRED:
        return "" if account.due or account.came_in else checked
    return reverse("appointments:appointment", args=[visit.reference])


def _lead(request: HttpRequest, address: str) -> HttpResponse:
    """Lead on, also a page that only asks how far it is."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return redirect(address)


def _show(
    request: HttpRequest,
    visit: Appointment,
    account: Account,
    latest: Payment | None,
    form: PayForm,
    *,
    qr: str = "",
    status: int = 200,
) -> HttpResponse:
    now = clock.now()
    is_pending = latest is not None and latest.state == PaymentState.PENDING
    is_waiting = is_pending or _is_being_booked(visit, account)
    if request.headers.get("HX-Request") and not is_waiting:
        return _lead(request, request.path)  # more of the page changes than what is asked for
    return render(
        request,
        "appointments/pay.html",
        {
            "member": visit.member,
            "clinic": visit.department.clinic,
            "appointment": visit,
            "quote": agreed_price(visit),
            "account": account,
            "latest": latest,
            "form": form,
            "qr_svg": _drawn(qr) if qr else "",
            "stage": _stage(visit, account, latest, now),
            "is_waiting": is_waiting,
            "hold_expires_at": visit.hold_expires_at if visit.awaits_payment else None,
        },
        status=status,
    )


def _stage(
    visit: Appointment, account: Account, latest: Payment | None, now: datetime
) -> dict[str, Any]:
    """Say in a sentence how far it is, and which kind of banner says it."""
    state = latest.state if latest else ""
    is_over = visit.state == AppointmentState.EXPIRED or visit.is_lapsed(now)
    if _is_being_booked(visit, account):
        return _said("success", _("Payment received. Booking your time…"))
    if any(refund.reason == RefundReason.LATE for refund in account.refunds):
        return _said(
            "warning",
            _(
                "Your payment came after the time had been released, and somebody else has taken "
                "it. All of your money goes back the way you paid."
            ),
        )
    if state == PaymentState.QUARANTINED:
        apart = _(
            "The payment service reports another amount than was asked for. It is set apart and "
            "pays for nothing: the clinic gives it back, or clears it up with the service."
        )
        if is_over:
            return _said("warning", apart)
        again = _("To keep this time, please pay again.")
        return _said("warning", f"{apart} {again}", may_pay=True)
    if is_over and state == PaymentState.PENDING:
        return _said(
            "warning",
            _(
                "The time to pay is over, and the payment service has not told us yet what became "
                "of your payment. If it arrives, you get your time if it is still free, else all "
                "of your money back."
            ),
        )
    if is_over:
        return _said("warning", _("The time to pay is over. Nothing was charged."))
    if state == PaymentState.PENDING:
        return _said("info", _("We are waiting for the payment service to tell us."))
    if state == PaymentState.FAILED and latest is not None:
        nothing = _("Nothing was charged.")
        if not latest.message:
            return _said("error", f"{_('The payment was not made.')} {nothing}", may_pay=True)
        why = _("The payment service says: %(words)s.") % {"words": latest.message.rstrip(".。")}
        return _said("error", f"{why} {nothing}", may_pay=True)
    return {"may_pay": True}


def _said(kind: str, text: str, *, may_pay: bool = False) -> dict[str, Any]:
    return {"kind": kind, "text": text, "may_pay": may_pay}


def _drawn(code: str) -> SafeString:
    """Draw what a gateway gave to be scanned."""
    drawing = segno.make(code, error="m").svg_inline(omitsize=True, border=2)
    return mark_safe(drawing)  # noqa: S308 - segno draws paths only, whatever the code says


def _is_being_booked(visit: Appointment, account: Account) -> bool:
    is_paid = bool(account.invoices) and not account.due
    return visit.state == AppointmentState.HELD and is_paid
