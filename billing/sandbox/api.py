"""What does the bank answer programs? Every request and every answer is signed."""

import json
from collections.abc import Callable
from functools import wraps
from time import sleep as pause
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from billing.sandbox.choices import ClaimBehaviour, GatewayState
from billing.sandbox.claims import claim_statement, open_claim, take_back, told_claim
from billing.sandbox.errors import Lost, Refusal, Unknown
from billing.sandbox.forms import ClaimRequest, PaymentRequest, RefundRequest, read_day
from billing.sandbox.models import SandboxClaim, SandboxPayment, SandboxRefund
from billing.sandbox.protocol import is_from_merchant, nonce_of, signed_headers
from billing.sandbox.selectors import console, statement, told_payment, told_refund
from billing.sandbox.services import close_payment, open_payment, open_refund
from medbook import clock

SLOW_SECONDS = 10

Said = tuple[int, dict[str, Any]]


def signed(method: str) -> Callable[[Callable[..., Said]], Callable[..., HttpResponse]]:
    """Let in what the merchant signed, and sign what is answered."""

    def decorated(view: Callable[..., Said]) -> Callable[..., HttpResponse]:
        @csrf_exempt  # the signature says who asks; cookies do not
        @require_http_methods([method])
        @wraps(view)
        def answer(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            state = console().state
            if state == GatewayState.DOWN:
                return HttpResponse(status=503)
            try:
                status, said = _said(view, request, kwargs)
            except Lost:
                return HttpResponse(status=503)
            if state == GatewayState.SLOW:
                pause(SLOW_SECONDS)  # after the deed, which is the worse case
            body = json.dumps(said, ensure_ascii=False).encode()
            headers = signed_headers(body, now=clock.now(), nonce=nonce_of(request))
            return HttpResponse(body, status=status, headers=headers)

        return answer

    return decorated


def _said(view: Callable[..., Said], request: HttpRequest, kwargs: dict[str, Any]) -> Said:
    if not is_from_merchant(request, now=clock.now()):
        return 401, {"code": "forged"}
    try:
        return view(request, **kwargs)
    except Refusal as refusal:
        return refusal.status, {"code": refusal.code}


def _payment(request: HttpRequest, payment: SandboxPayment) -> dict[str, Any]:
    page = reverse("sandbox:pay", args=[payment.uid])
    return {
        **told_payment(payment, now=clock.now()),
        "pay_url": request.build_absolute_uri(page),
    }


@signed("POST")
def payments(request: HttpRequest) -> Said:
    """Open a payment."""
    said = PaymentRequest.read(request.body)
    payment, is_new = open_payment(**said, now=clock.now())
    return 201 if is_new else 200, _payment(request, payment)


@signed("GET")
def payment(request: HttpRequest, number: str) -> Said:
    """Tell what became of a payment."""
    found = SandboxPayment.objects.filter(number=number).first()
    if found is None:
        raise Unknown
    return 200, _payment(request, found)


@signed("POST")
def close(request: HttpRequest, number: str) -> Said:
    """Close a payment."""
    return 200, _payment(request, close_payment(number=number))


@signed("POST")
def refunds(request: HttpRequest) -> Said:
    """Give money back."""
    said = RefundRequest.read(request.body)
    del said["currency"]  # there is but one
    refund, is_new = open_refund(**said, now=clock.now())
    return 201 if is_new else 200, told_refund(refund, now=clock.now())


@signed("GET")
def refund(request: HttpRequest, number: str) -> Said:
    """Tell what became of a refund."""
    found = SandboxRefund.objects.select_related("payment").filter(number=number).first()
    if found is None:
        raise Unknown
    return 200, told_refund(found, now=clock.now())


@signed("GET")
def statements(request: HttpRequest, day: str) -> Said:
    """List what moved on a day."""
    return 200, {"lines": statement(read_day(day), now=clock.now())}


@signed("POST")
def claims(request: HttpRequest) -> Said:
    """Bear a part of a fee."""
    claim, is_new = open_claim(**ClaimRequest.read(request.body), now=clock.now())
    if is_new and console().claim_behaviour == ClaimBehaviour.SILENT:
        raise Lost
    return 201 if is_new else 200, told_claim(claim, now=clock.now())


@signed("GET")
def claim(request: HttpRequest, number: str) -> Said:
    """Tell what became of a claim."""
    found = SandboxClaim.objects.filter(number=number).first()
    if found is None:
        raise Unknown
    return 200, told_claim(found, now=clock.now())


@signed("POST")
def reverse_claim(request: HttpRequest, number: str) -> Said:
    """Take a claim back, also one that has not come yet."""
    return 200, told_claim(take_back(number=number, now=clock.now()), now=clock.now())


@signed("GET")
def claim_statements(request: HttpRequest, day: str) -> Said:
    """List what the insurer paid and took back on a day."""
    return 200, {"lines": claim_statement(read_day(day), now=clock.now())}
