"""When does the way into a session lead past a second factor?"""

from allauth.account.internal.stagekit import LoginStage
from django.http import HttpResponse
from django.shortcuts import redirect

from members.selectors.second_factors import has_second_factor
from members.services.sessions import has_shown_factor


class SecondFactorStage(LoginStage):  # type: ignore[misc]
    """Ask for the second factor of an account that has one."""

    key = "second_factor"
    urlname = "members:second_factor_at_sign_in"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Lead to the page that asks, unless nothing is to be asked."""
        user = self.login.user
        if user is None or not has_second_factor(user):
            return None, True
        if has_shown_factor(self.request.session, user):
            return None, True
        return redirect(self.urlname), True
