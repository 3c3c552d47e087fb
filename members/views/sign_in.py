"""Which pages let people join, sign in and sign out?"""

from datetime import datetime
from typing import Any

from django.contrib.auth import logout as end_session
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_POST

from members.choices import CodePurpose, ConsentPurpose
from members.forms.sign_in import ResetForm, SignInForm, SignUpForm
from members.models import User
from members.services.accounts import join_by_code
from members.services.sign_in import reset_password, sign_in_by_code
from members.views.strangers import CodePage, StrangersPage


class SignIn(StrangersPage):
    """Sign in by phone number and password."""

    form_class = SignInForm
    template_name = "members/sign_in.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        """Let the form know from where somebody tries."""
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form: SignInForm) -> HttpResponse:
        """Open the session."""
        answer: HttpResponse = form.login(
            self.request, redirect_url=self.wanted() or reverse("appointments:home")
        )
        return answer


class SignInByCode(CodePage):
    """Sign in by phone number and a code sent to it."""

    purpose = CodePurpose.SIGN_IN
    phone_template = "members/sign_in.html"

    def spend(self, asked: dict[str, Any], answers: dict[str, Any], now: datetime) -> User:
        """Find whose phone it is."""
        return sign_in_by_code(phone=asked["phone"], now=now, **answers)


class SignUp(CodePage):
    """Become a member with nothing but a phone; a number with an account signs in."""

    purpose = CodePurpose.SIGN_UP
    phone_form = SignUpForm
    phone_template = "members/sign_up.html"

    def spend(self, asked: dict[str, Any], answers: dict[str, Any], now: datetime) -> User:
        """Join."""
        return join_by_code(
            phone=asked["phone"],
            consents=[ConsentPurpose(purpose) for purpose in asked["consents"]],
            language=get_language() or "en",
            now=now,
            **answers,
        )


class ResetPassword(CodePage):
    """Set a new password after a code; nothing is sent that leads back by an address."""

    purpose = CodePurpose.RESET_PASSWORD
    code_form = ResetForm
    phone_template = "members/reset_password.html"

    def spend(self, asked: dict[str, Any], answers: dict[str, Any], now: datetime) -> User:
        """Set the password."""
        return reset_password(phone=asked["phone"], now=now, **answers)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    end_session(request)
    return redirect("appointments:home")
