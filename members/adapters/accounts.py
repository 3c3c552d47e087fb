"""How does allauth find an account by a phone number that the database cannot read?"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from medbook import request_context
from members.adapters.lockout import authenticate_in_turn
from members.forms.fields import PhoneField
from members.models import Member, User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Keep the phone number sealed on the member, and answer every failed sign-in alike."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "phone_password_mismatch": _("The phone number or the password is not correct."),
    }

    def phone_form_field(self, **options: Any) -> PhoneField:
        """Take a number in any spelling."""
        return PhoneField(**options)

    def get_user_by_phone(self, phone: str) -> AbstractBaseUser | None:
        """Find the account by the blind index of the number."""
        member = Member.objects.select_related("user").filter(phone_index=phone).first()
        return member.user if member else None

    def get_phone(self, user: AbstractBaseUser) -> tuple[str, bool] | None:
        """Tell the number of an account, and whether its holder has shown a code sent to it."""
        member = Member.objects.filter(user_id=user.pk).first()
        if member is None or not member.phone:
            return None
        return member.phone.reveal(), member.phone_verified_at is not None

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Know an account that may sign in; a closed one is answered like a wrong password."""
        return authenticate_in_turn(request, **credentials)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Lead home."""
        return reverse("appointments:home")

    def get_login_stages(self) -> list[str]:
        """Ask for a second factor; phones are confirmed before anybody comes this far."""
        return ["members.adapters.second_factor.SecondFactorStage"]

    def get_client_ip(self, request: HttpRequest) -> str | None:
        """Tell the client's address, counted as everywhere."""
        return request_context.current().ip

    def add_message(self, *_args: Any, **_options: Any) -> None:
        """Say nothing: the page that follows shows who is signed in."""


def open_session(
    request: HttpRequest, user: User, *, method: str, redirect_url: str
) -> HttpResponse:
    """Sign somebody in who has just shown `method` ("password", "code"), and lead on.

    Who has a second factor is asked for it first.
    """
    record_authentication(request, user, method=method)
    answer: HttpResponse = perform_login(request, Login(user=user, redirect_url=redirect_url))
    return answer
