"""On which page does a member change the phone number?"""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from medbook import clock, request_context
from members.adapters.lockout import authenticate_in_turn
from members.choices import CodePurpose
from members.errors import PhoneNotChanged, RateLimited
from members.forms.phone import BY_CODE, BY_PASSWORD, BothCodesForm, NewPhoneForm
from members.models import Member
from members.services.codes import send_code
from members.services.phones import change_phone
from members.views.entrance import for_members
from members.views.recent import recent_sign_in_required
from members.views.strangers import KEPT

SESSION_KEY = "code:change_phone"


@for_members
@recent_sign_in_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def phone(request: HttpRequest, member: Member) -> HttpResponse:
    """Ask for the new number, then for what proves both phones; then change it."""
    asked = _asked(request)
    if asked is None or "phone" in request.POST or "other" in request.GET:
        return _first_step(request, member)
    form = BothCodesForm(request.POST or None, proof=asked["proof"])
    if form.is_valid() and _is_proven(request, member, form):
        try:
            change_phone(
                member=member,
                phone=asked["phone"],
                new_code=form.cleaned_data["new_code"],
                old_code=form.cleaned_data.get("old_code"),
                session=request.session,
                by=member.user,
                now=clock.now(),
            )
        except PhoneNotChanged as refusal:
            form.add_error(None, forms.ValidationError(refusal.detail, code=refusal.code))
        else:
            del request.session[SESSION_KEY]
            said = _("Your phone number was changed. All other devices were signed out.")
            messages.success(request, said)
            return redirect("members:account")
    return _page(request, "members/phone_codes.html", form, {"phone": asked["phone"], **asked})


def _first_step(request: HttpRequest, member: Member) -> HttpResponse:
    present = member.phone.reveal() if member.phone else ""
    form = NewPhoneForm(
        request.POST or None, present=present, has_password=member.user.has_usable_password()
    )
    if not form.is_valid():
        return _page(request, "members/phone.html", form, {"member": member})
    proof = form.cleaned_data.get("proof", BY_CODE)
    asked = {"phone": form.cleaned_data["phone"], "proof": proof}
    now = clock.now()
    try:
        _send(CodePurpose.NEW_PHONE, asked["phone"], now)
        if proof != BY_PASSWORD:
            _send(CodePurpose.OLD_PHONE, present, now)
    except RateLimited as refusal:
        form.add_error(None, forms.ValidationError(refusal.detail, code=refusal.code))
        answer = _page(request, "members/phone.html", form, {"member": member}, status=429)
        answer["Retry-After"] = str(refusal.retry_after)
        return answer
    request.session[SESSION_KEY] = {**asked, "at": now.isoformat()}
    return redirect("members:change_phone")


def _send(purpose: CodePurpose, to: str, now: datetime) -> None:
    network = request_context.network_of(request_context.current().ip)
    send_code(purpose=purpose, phone=to, network=network, now=now)


def _is_proven(request: HttpRequest, member: Member, form: BothCodesForm) -> bool:
    """Judge the password where it stands in for the old phone; failures count as anywhere."""
    if "password" not in form.cleaned_data:
        return True
    name, password = member.user.username, form.cleaned_data["password"]
    if authenticate_in_turn(request, username=name, password=password) == member.user:
        return True
    form.add_error("password", _("This is not your password."))
    return False


def _asked(request: HttpRequest) -> dict[str, Any] | None:
    found: dict[str, Any] | None = request.session.get(SESSION_KEY)
    if found is None or clock.now() - datetime.fromisoformat(found["at"]) > KEPT:
        return None
    return found


def _page(
    request: HttpRequest, name: str, form: forms.Form, context: dict[str, Any], status: int = 0
) -> HttpResponse:
    status = status or (422 if form.is_bound else 200)
    return render(request, name, {"form": form, **context}, status=status)
