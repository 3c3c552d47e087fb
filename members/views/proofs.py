"""How does a page take a code or a passkey from somebody it knows?"""

import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest

from medbook import clock, request_context
from medbook.errors import Refused
from members.adapters.lockout import count_failure
from members.choices import CodePurpose, FactorKind
from members.errors import CodeInvalid, DocumentEndingRequired
from members.forms.phone import PhoneCodeForm
from members.forms.second_factor import FactorCodeForm, PasskeyAnswerForm
from members.models import Member, User
from members.selectors.second_factors import has_second_factor, second_factors
from members.services.codes import send_code
from members.services.passkeys import passkey_options, use_passkey
from members.services.second_factor import use_factor_code
from members.services.sign_in import sign_in_by_code
from members.views.second_factor import STATE, host_of


@dataclass(frozen=True)
class Proof:
    """Whether somebody has shown a second factor; if not, what the page asks with."""

    is_good: bool
    forms: dict[str, Any]


def factor_proof(request: HttpRequest, user: User) -> Proof:
    """Take the answer that was sent, if one was; prepare the questions for the next.

    Raises: TooManyTries.
    """
    if not has_second_factor(user):
        return Proof(False, {})
    code = FactorCodeForm(request.POST if "code" in request.POST else None)
    passkey = PasskeyAnswerForm(request.POST if "answer" in request.POST else None)
    try:
        if code.is_valid():
            use_factor_code(user=user, code=code.cleaned_data["code"], now=clock.now())
            return Proof(True, {})
        if passkey.is_valid():
            use_passkey(
                user=user,
                answer=passkey.cleaned_data["answer"],
                state=request.session.pop(STATE, {}),
                host=host_of(request),
                now=clock.now(),
            )
            return Proof(True, {})
    except Refused as refusal:
        _say(code if code.is_bound else passkey, refusal)
    return Proof(False, {"code_form": code, **_passkey_question(request, user, passkey)})


def phone_proof(request: HttpRequest, member: Member) -> Proof:
    """Send a code to a member's phone when asked to; take it. For who has no password."""
    phone = member.phone.reveal() if member.phone else ""
    form = PhoneCodeForm(request.POST if "sms_code" in request.POST else None)
    if "send_code" in request.POST:
        network = request_context.network_of(request_context.current().ip)
        send_code(purpose=CodePurpose.SIGN_IN, phone=phone, network=network, now=clock.now())
    elif form.is_valid():
        try:
            sign_in_by_code(phone=phone, code=form.cleaned_data["sms_code"], now=clock.now())
        except (CodeInvalid, DocumentEndingRequired) as refusal:
            count_failure(request, phone)
            form.add_error("sms_code", refusal.detail)
        else:
            return Proof(True, {})
    is_sent = "send_code" in request.POST or form.is_bound
    return Proof(False, {"phone_form": form, "is_code_sent": is_sent, "member": member})


def _say(form: forms.Form, refusal: Refused) -> None:
    form.add_error("code" if "code" in form.fields else None, refusal.detail)


def _passkey_question(request: HttpRequest, user: User, form: PasskeyAnswerForm) -> dict[str, Any]:
    if not second_factors(user).filter(kind=FactorKind.PASSKEY).exists():
        return {}
    options, request.session[STATE] = passkey_options(user=user, host=host_of(request))
    return {"passkey_form": form, "options": json.dumps(options)}
