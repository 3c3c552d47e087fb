"""How does somebody show a second factor on the way in, or later again who they are?"""

from typing import Any

from allauth.account.internal.stagekit import LoginStageController
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from medbook import clock
from members.adapters.lockout import authenticate_in_turn
from members.forms.account import PasswordAgainForm
from members.models import User
from members.selectors.people import member_of, signed_in
from members.services.sessions import note_shown
from members.views.proofs import Proof, factor_proof, phone_proof

STAGE = "second_factor"


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor_at_sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor of somebody whose password or code was right just now."""
    stage = LoginStageController.enter(request, STAGE)
    user = stage.login.user if stage else None
    if not isinstance(user, User):
        is_in = request.user.is_authenticated
        return redirect("appointments:home" if is_in else "members:sign_in")
    proof = factor_proof(request, user)
    if proof.is_good:
        note_shown(session=request.session, user=user, now=clock.now(), has_second_factor=True)
        answer: HttpResponse = stage.exit()
        return answer
    return render(
        request, "members/second_factor_at_sign_in.html", proof.forms, status=_status(request)
    )


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def show_again(request: HttpRequest) -> HttpResponse:
    """Ask once more before something that a stranger at this screen must not do."""
    user = signed_in(request.user)
    proof = factor_proof(request, user)
    form = PasswordAgainForm(request.POST if "password" in request.POST else None)
    member = member_of(user)
    by_phone = Proof(False, {})
    if member and not proof.forms and not user.has_usable_password():
        by_phone = phone_proof(request, member)
    if proof.is_good or by_phone.is_good or _is_password(request, user, form):
        note_shown(
            session=request.session,
            user=user,
            now=clock.now(),
            has_second_factor=proof.is_good,
        )
        return redirect(_wanted(request) or "appointments:home")
    context: dict[str, Any] = {
        "form": form if user.has_usable_password() else None,
        "redirect_field_name": REDIRECT_FIELD_NAME,
        "redirect_field_value": _wanted(request),
        **proof.forms,
        **by_phone.forms,
    }
    status = 200 if "send_code" in request.POST else _status(request)
    return render(request, "members/show_again.html", context, status=status)


def _is_password(request: HttpRequest, user: User, form: PasswordAgainForm) -> bool:
    if not form.is_valid():
        return False
    password = form.cleaned_data["password"]
    if authenticate_in_turn(request, username=user.username, password=password) == user:
        return True
    form.add_error("password", _("This is not your password."))
    return False


def _status(request: HttpRequest) -> int:
    return 422 if request.method == "POST" else 200


def _wanted(request: HttpRequest) -> str:
    asked = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME, "")
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours and asked.startswith("/") else ""
