"""Which pages let people join, sign in and sign out?"""

from typing import Any

from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth import logout as end_session
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django.views.generic import FormView

from medbook import clock
from members.forms.sign_in import SignInForm, SignUpForm
from members.services.accounts import join_member


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class StrangersPage(FormView):
    """A form for somebody not yet signed in, who comes back to where they were."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Lead on who is signed in already."""
        if request.user.is_authenticated:
            return redirect(self.wanted() or "appointments:home")
        return super().dispatch(request, *args, **kwargs)

    def wanted(self) -> str:
        """Tell where the visitor was going, if that is a page of this site; else ''."""
        asked = self.request.POST.get(REDIRECT_FIELD_NAME) or self.request.GET.get(
            REDIRECT_FIELD_NAME, ""
        )
        is_ours = url_has_allowed_host_and_scheme(
            asked, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        )
        return asked if is_ours and asked.startswith("/") else ""

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Hand the way back to the form."""
        return super().get_context_data(
            redirect_field_name=REDIRECT_FIELD_NAME, redirect_field_value=self.wanted(), **context
        )

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again."""
        return self.render_to_response(self.get_context_data(form=form), status=422)


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


class SignUp(StrangersPage):
    """Become a member. What follows is the same whether the number was known or not."""

    form_class = SignUpForm
    template_name = "members/sign_up.html"

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        """Join, and lead to the sign-in page."""
        join_member(**form.cleaned_data, language=get_language() or "en", now=clock.now())
        messages.info(
            self.request,
            _("Please sign in. If this number had an account before, nothing was changed in it."),
        )
        wanted = self.wanted()
        query = f"?{urlencode({REDIRECT_FIELD_NAME: wanted})}" if wanted else ""
        return redirect(f"{reverse('members:sign_in')}{query}")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    end_session(request)
    return redirect("appointments:home")
