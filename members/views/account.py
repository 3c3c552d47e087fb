"""What does somebody see and change of their own account?"""

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, translate_url
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from medbook import clock
from medbook.errors import Refused
from members.forms.account import EmailForm, LookForm, NewPasswordForm, OwnNameForm
from members.models import Member
from members.selectors.patients import own_name
from members.selectors.people import member_of, own_patient, signed_in
from members.selectors.second_factors import recovery_codes_left, second_factors
from members.selectors.sessions import sign_ins
from members.services.account_settings import (
    change_look,
    change_own_name,
    change_password,
    may_be_renamed,
)
from members.services.accounts import change_contact
from members.services.sessions import end_other_sessions, end_session
from members.views.entrance import for_members
from members.views.recent import recent_sign_in_required

Forms = dict[str, forms.Form]


@login_required
@never_cache
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Show the account."""
    return _page(request, {})


@require_POST
@for_members
def change_name(request: HttpRequest, member: Member) -> HttpResponse:
    """Write one's own name."""
    form = OwnNameForm(request.POST)
    if form.is_valid():
        try:
            change_own_name(
                member=member,
                name=form.cleaned_data["name"],
                by=signed_in(request.user),
                now=clock.now(),
            )
            return _saved(request)
        except Refused as refusal:
            form.add_error("name", refusal.detail)
    return _page(request, {"name_form": form})


@require_POST
@for_members
def change_email(request: HttpRequest, member: Member) -> HttpResponse:
    """Set the e-mail address, or take it away."""
    form = EmailForm(request.POST)
    if not form.is_valid():
        return _page(request, {"email_form": form})
    email = form.cleaned_data["email"] or None
    change_contact(member=member, by=signed_in(request.user), email=email)
    return _saved(request)


@require_POST
@login_required
def change_appearance(request: HttpRequest) -> HttpResponse:
    """Choose language, theme and text size; the page comes back in the language chosen."""
    form = LookForm(request.POST)
    if not form.is_valid():
        return _page(request, {"look_form": form})
    user = change_look(user=signed_in(request.user), **form.cleaned_data)
    with override(user.language):
        messages.success(request, _("Saved."))
    answer = redirect(translate_url(reverse("members:account"), user.language))
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        user.language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,
    )
    return answer


@recent_sign_in_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def new_password(request: HttpRequest) -> HttpResponse:
    """Set or change the password."""
    user = signed_in(request.user)
    form = NewPasswordForm(request.POST or None)
    if form.is_valid():
        change_password(
            user=user,
            password=form.cleaned_data["password"],
            session=request.session,
            now=clock.now(),
        )
        return _saved(request)
    context = {"form": form, "has_password": user.has_usable_password()}
    status = 422 if form.is_bound else 200
    return render(request, "members/new_password.html", context, status=status)


@require_POST
@login_required
def end_sign_in(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """End one sign-in; one's own, here, is a sign-out."""
    key = request.session.session_key or ""
    end_session(user=signed_in(request.user), uid=uid, now=clock.now())
    if not request.session.exists(key):
        logout(request)
        return redirect("members:sign_in")
    return _saved(request, _("That sign-in has ended."))


@require_POST
@login_required
def end_other_sign_ins(request: HttpRequest) -> HttpResponse:
    """End all sign-ins but this one."""
    end_other_sessions(user=signed_in(request.user), keep=request.session, now=clock.now())
    return _saved(request, _("All other sign-ins have ended."))


def _saved(request: HttpRequest, text: str = "") -> HttpResponse:
    messages.success(request, text or _("Saved."))
    return redirect("members:account")


def _page(request: HttpRequest, bound: Forms) -> HttpResponse:
    """Show the account; a form with a mistake stands in the place of its empty one."""
    user = signed_in(request.user)
    now = clock.now()
    member = member_of(user)
    look = {"language": user.language, "theme": user.theme, "text_size": user.text_size}
    context: dict[str, Any] = {
        "account": user,
        "member": member,
        "look_form": LookForm(initial=look),
        "sign_ins": sign_ins(user, session_key=request.session.session_key, now=now),
        "factors": second_factors(user),
        "codes_left": recovery_codes_left(user),
        **(_of_member(member) if member else {}),
        **bound,
        "mistaken": next(iter(bound.values()), None),
    }
    return render(request, "members/account.html", context, status=422 if bound else 200)


def _of_member(member: Member) -> dict[str, Any]:
    patient = own_patient(member)
    name = own_name(member)
    facts: dict[str, Any] = {"own_name": name, "email_form": EmailForm()}
    if patient and may_be_renamed(patient):
        facts["name_form"] = OwnNameForm(initial={"name": name})
    return facts
