"""Which pages does the bank show? Everybody may open them: no money is real."""

import csv
import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.sandbox.choices import Behaviour, PaymentState
from billing.sandbox.errors import Invalid
from billing.sandbox.forms import ConsoleForm, PayForm, read_day
from billing.sandbox.models import SandboxClaim, SandboxNotification, SandboxPayment, SandboxRefund
from billing.sandbox.selectors import COLUMNS, console, statement
from billing.sandbox.services import send_again, settle_payment
from medbook import clock

SHOWN = 20


@require_http_methods(["GET", "HEAD", "POST"])
def pay(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Ask for the money and take it, once; then lead back to the merchant."""
    payment = get_object_or_404(SandboxPayment, uid=uid)
    defaults = console()
    initial = {"behaviour": defaults.payment_behaviour, "late_seconds": defaults.late_seconds}
    form = PayForm(_sent(request), initial=initial)
    is_over = False
    if "decline" in request.POST:
        is_over = _settle(payment, Behaviour.DECLINED, 0)
    elif form.is_valid():
        behaviour = form.cleaned_data["behaviour"] or defaults.payment_behaviour
        late_seconds = form.cleaned_data["late_seconds"] or defaults.late_seconds
        is_over = _settle(payment, Behaviour(behaviour), late_seconds)
    is_payable = payment.state == PaymentState.PENDING and clock.now() < payment.expires_at
    facts = {"payment": payment, "form": form, "is_over": is_over}
    template = "sandbox/pay.html" if is_payable else "sandbox/result.html"
    return render(request, template, facts, status=422 if form.errors and is_payable else 200)


def _settle(payment: SandboxPayment, behaviour: Behaviour, late_seconds: int) -> bool:
    is_over = settle_payment(
        payment_uid=payment.uid, behaviour=behaviour, late_seconds=late_seconds, now=clock.now()
    )
    payment.refresh_from_db()
    return is_over


@require_http_methods(["GET", "HEAD", "POST"])
def show_console(request: HttpRequest) -> HttpResponse:
    """Show how the bank behaves and what it did; change how it behaves."""
    form = ConsoleForm(_sent(request), instance=console())
    if form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("sandbox:console")
    facts = {
        "form": form,
        "today": clock.site_date(clock.now()),
        "payments": SandboxPayment.objects.order_by("-id")[:SHOWN],
        "refunds": SandboxRefund.objects.select_related("payment").order_by("-id")[:SHOWN],
        "claims": [
            {"claim": claim, "state": claim.state_at(clock.now()).label}
            for claim in SandboxClaim.objects.order_by("-id")[:SHOWN]
        ],
        "notifications": SandboxNotification.objects.order_by("-id")[:SHOWN],
    }
    return render(request, "sandbox/console.html", facts, status=422 if form.errors else 200)


@require_POST
def send_notification_again(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Send a notification once more."""
    send_again(notification_uid=uid, now=clock.now())
    messages.success(request, _("It is sent again."))
    return redirect("sandbox:console")


@require_safe
def statement_file(request: HttpRequest, day: str) -> HttpResponse:
    """Give the statement of a day as CSV."""
    try:
        lines = statement(read_day(day), now=clock.now())
    except Invalid as wrong:
        raise Http404 from wrong
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="sandbox-{day}.csv"'
    writer = csv.DictWriter(answer, COLUMNS)
    writer.writeheader()
    writer.writerows(lines)
    return answer


def _sent(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None
