"""How does staff get into the workbench, and what has to come first?"""

from typing import Any

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from members.adapters.lockout import one_guess_at_a_time
from members.models import User
from members.selectors.second_factors import has_second_factor
from members.services.sessions import has_shown_factor


class StaffSignInForm(AdminAuthenticationForm):
    """Compare a password after all other guesses at the same account."""

    def clean(self) -> dict[str, Any]:
        """Let a failure be counted before it is said."""
        said = self.cleaned_data
        with one_guess_at_a_time({"username": said.get("username")}):
            try:
                return super().clean()
            except ValidationError as refusal:
                refused = refusal
        raise refused


class StaffSignIn(LoginView):
    """Ask staff for name and password; who has a second factor is asked for it next."""

    authentication_form = StaffSignInForm
    template_name = "admin/login.html"

    def get_default_redirect_url(self) -> str:
        """Lead to the workbench."""
        return reverse("admin:index")

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Enter the way into a session."""
        user = form.get_user()
        record_authentication(self.request, user, method="password")
        login = Login(user=user, redirect_url=self.get_success_url())
        answer: HttpResponse = perform_login(self.request, login)
        return answer


def sign_in(request: HttpRequest, context: dict[str, Any]) -> HttpResponseBase:
    """Show the sign-in page of the workbench, or take its answers."""
    return StaffSignIn.as_view(extra_context=context)(request)


def may_enter(request: HttpRequest) -> bool:
    """Tell whether somebody signed in has shown all that the workbench asks for."""
    user = request.user
    if not isinstance(user, User) or has_shown_factor(request.session, user):
        return isinstance(user, User)
    return not settings.STAFF_SECOND_FACTOR_REQUIRED and not has_second_factor(user)


def first_step(request: HttpRequest) -> str:
    """Tell where somebody signed in goes before the workbench opens; '' for signing in anew."""
    user = request.user
    if not isinstance(user, User) or not user.is_staff or has_second_factor(user):
        return ""
    return "" if may_enter(request) else reverse("members:second_factor")
