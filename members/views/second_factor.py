"""How does somebody set up a second factor and take it away?"""

import json
import uuid
from urllib.parse import quote, urlencode

import segno
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from medbook import clock
from medbook.errors import Refused
from members.forms.second_factor import NewAppForm, NewPasskeyForm
from members.models import User
from members.selectors.people import signed_in
from members.selectors.second_factors import has_app, recovery_codes_left, second_factors
from members.services.passkeys import add_passkey, new_passkey_options
from members.services.second_factor import (
    add_app,
    new_secret,
    remove_factor,
    renew_recovery_codes,
)
from members.views.recent import recent_sign_in_required

SECRET, CODES, STATE = "new_factor_secret", "new_recovery_codes", "passkey_state"
BACK = "members:second_factor"
ISSUER = "MedBook"


@login_required
@never_cache
@require_safe
def second_factor(request: HttpRequest) -> HttpResponse:
    """Show what the account has besides its password."""
    user = signed_in(request.user)
    context = {
        "factors": second_factors(user),
        "has_app": has_app(user),
        "codes_left": recovery_codes_left(user),
    }
    return render(request, "members/second_factor.html", context)


@recent_sign_in_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def new_app(request: HttpRequest) -> HttpResponse:
    """Show the secret for an authenticator app, and take the first code that it shows."""
    user = signed_in(request.user)
    secret = request.session.setdefault(SECRET, new_secret())
    form = NewAppForm(request.POST or None)
    if form.is_valid():
        try:
            codes = add_app(
                user=user,
                secret=secret,
                code=form.cleaned_data["code"],
                session=request.session,
                now=clock.now(),
            )
        except Refused as refusal:
            form.add_error("code", refusal.detail)
        else:
            del request.session[SECRET]
            return _added(request, codes)
    context = {
        "form": form,
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "drawing": segno.make(_address_of(user, secret), error="m").svg_inline(
            omitsize=True, border=2
        ),
    }
    status = 422 if form.is_bound else 200
    return render(request, "members/new_app.html", context, status=status)


@recent_sign_in_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new_passkey(request: HttpRequest) -> HttpResponse:
    """Let the browser make a passkey."""
    user = signed_in(request.user)
    host = host_of(request)
    form = NewPasskeyForm(request.POST or None)
    if form.is_valid():
        try:
            codes = add_passkey(
                user=user,
                name=form.cleaned_data["name"],
                answer=form.cleaned_data["answer"],
                state=request.session.pop(STATE, {}),
                host=host,
                session=request.session,
                now=clock.now(),
            )
        except Refused as refusal:
            form.add_error(None, refusal.detail)
        else:
            return _added(request, codes)
    options, request.session[STATE] = new_passkey_options(user=user, host=host)
    context = {"form": form, "options": json.dumps(options)}
    status = 422 if form.is_bound else 200
    return render(request, "members/new_passkey.html", context, status=status)


@recent_sign_in_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show new recovery codes, once; make new ones when asked."""
    user = signed_in(request.user)
    if request.method == "POST":
        request.session[CODES] = renew_recovery_codes(user=user, now=clock.now())
        return redirect("members:recovery_codes")
    context = {"codes": request.session.pop(CODES, []), "codes_left": recovery_codes_left(user)}
    return render(request, "members/recovery_codes.html", context)


@recent_sign_in_required(back=BACK)
@require_POST
def remove(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Take a factor away."""
    remove_factor(
        user=signed_in(request.user), factor_uid=uid, session=request.session, now=clock.now()
    )
    return redirect(BACK)


def host_of(request: HttpRequest) -> str:
    """Tell the name of this site as passkeys are bound to it."""
    return request.get_host().partition(":")[0]


def _added(request: HttpRequest, codes: list[str]) -> HttpResponse:
    if not codes:
        return redirect(BACK)
    request.session[CODES] = codes
    return redirect("members:recovery_codes")


def _address_of(user: User, secret: str) -> str:
    label = quote(f"{ISSUER}:{user.username}")
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': ISSUER})}"
