"""How does somebody signed in show again who they are?"""

from typing import Any

from django.contrib.auth import REDIRECT_FIELD_NAME, authenticate
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from medbook import clock
from members.forms.account import PasswordAgainForm
from members.selectors.people import signed_in
from members.services.sessions import note_shown


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def show_again(request: HttpRequest) -> HttpResponse:
    """Ask for the password before something that a stranger at this screen must not do."""
    user = signed_in(request.user)
    form = PasswordAgainForm(request.POST or None)
    if form.is_valid():
        password = form.cleaned_data["password"]
        if authenticate(request, username=user.username, password=password) == user:
            note_shown(session=request.session, now=clock.now())
            return redirect(_wanted(request) or "appointments:home")
        form.add_error("password", _("This is not your password."))
    context: dict[str, Any] = {
        "form": form,
        "redirect_field_name": REDIRECT_FIELD_NAME,
        "redirect_field_value": _wanted(request),
    }
    status = 422 if form.is_bound else 200
    return render(request, "members/show_again.html", context, status=status)


def _wanted(request: HttpRequest) -> str:
    asked = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME, "")
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours and asked.startswith("/") else ""
