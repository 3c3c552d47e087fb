"""How does allauth find an account by a phone number that the database cannot read?"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth import authenticate
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from members.forms.fields import PhoneField
from members.models import Member


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
        """Tell the number of an account. No number is verified until codes can be sent."""
        member = Member.objects.filter(user_id=user.pk).first()
        return (member.phone.reveal(), False) if member and member.phone else None

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Know an account that may sign in; a closed one is answered like a wrong password."""
        return authenticate(request, **credentials)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Lead home."""
        return reverse("appointments:home")

    def add_message(self, *_args: Any, **_options: Any) -> None:
        """Say nothing: the page that follows shows who is signed in."""
