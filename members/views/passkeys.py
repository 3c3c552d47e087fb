"""How does a passkey alone let somebody in?"""

import json
from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from medbook import clock
from members.adapters.accounts import open_session
from members.errors import PasskeyRefused
from members.forms.second_factor import PasskeyAnswerForm
from members.services.passkeys import passkey_options, use_passkey
from members.services.sessions import note_shown
from members.views.second_factor import STATE, host_of
from members.views.strangers import StrangersPage


class SignInByPasskey(StrangersPage):
    """Sign in with a passkey that its owner has unlocked: two factors in one."""

    form_class = PasskeyAnswerForm
    template_name = "members/sign_in_passkey.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Ask the browser for any passkey of this site; each question is new."""
        options, self.request.session[STATE] = passkey_options(
            user=None, host=host_of(self.request)
        )
        shown = super().get_context_data(**context)
        return {**shown, "passkey_form": shown["form"], "options": json.dumps(options)}

    def form_valid(self, form: PasskeyAnswerForm) -> HttpResponse:
        """Open the session of the account that the passkey names."""
        now = clock.now()
        try:
            user = use_passkey(
                user=None,
                answer=form.cleaned_data["answer"],
                state=self.request.session.pop(STATE, {}),
                host=host_of(self.request),
                now=now,
            )
        except PasskeyRefused as refusal:
            form.add_error(None, refusal.detail)
            return self.form_invalid(form)
        note_shown(session=self.request.session, user=user, now=now, has_second_factor=True)
        home = reverse("admin:index" if user.is_staff else "appointments:home")
        return open_session(
            self.request, user, method="passkey", redirect_url=self.wanted() or home
        )
