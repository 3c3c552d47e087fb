"""What do the pages for somebody not yet signed in do alike?"""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from medbook import clock, request_context
from members.adapters.accounts import open_session
from members.adapters.lockout import count_failure
from members.choices import CodePurpose
from members.errors import AccountClosed, CodeInvalid, DocumentEndingRequired, RateLimited
from members.forms.sign_in import CodeForm, PhoneForm, said
from members.models import User
from members.services.codes import send_code

KEPT = timedelta(minutes=30)  # how long a page remembers which phone a code was sent to


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

    def form_invalid(self, form: Any, status: int = 422) -> HttpResponse:
        """Show the form again."""
        return self.render_to_response(self.get_context_data(form=form), status=status)


class CodePage(StrangersPage):
    """Two steps at one address: a phone number, then the code that was sent to it.

    Between the steps the number is in the session only, which is sealed. What is shown and how
    long it takes is the same whether the number has an account or not.
    """

    purpose: ClassVar[CodePurpose]
    phone_form: ClassVar[type[PhoneForm]] = PhoneForm
    code_form: ClassVar[type[CodeForm]] = CodeForm
    phone_template: ClassVar[str]
    code_template: ClassVar[str] = "members/code.html"

    def spend(self, asked: dict[str, Any], answers: dict[str, Any], now: datetime) -> User:
        """Do what the code is good for. Raises: AccountClosed, CodeInvalid, …Required."""
        raise NotImplementedError

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Take the phone number, or the code, or the wish for another code."""
        asked = self.asked()
        if "again" in request.POST and asked:
            return self._send(self.code_form(), asked)
        return super().post(request, *args, **kwargs)

    def asked(self) -> dict[str, Any] | None:
        """Tell to which phone a code was sent from this browser, and what was agreed to."""
        found: dict[str, Any] | None = self.request.session.get(self._key())
        if found is None or clock.now() - datetime.fromisoformat(found["at"]) > KEPT:
            return None
        return found

    def get_form_class(self) -> type[forms.Form]:
        """Ask for the code where one was sent, unless the visitor turns to another number."""
        turns = "phone" in self.request.POST or "other" in self.request.GET
        return self.phone_form if turns or not self.asked() else self.code_form

    def get_template_names(self) -> list[str]:
        """Show the step that the form belongs to."""
        return [self.code_template if self._is_second else self.phone_template]

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Tell the second step where the code went."""
        shown = super().get_context_data(**context)
        self._is_second = isinstance(shown["form"], CodeForm)
        asked = self.asked()
        return {**shown, "phone": asked["phone"] if asked and self._is_second else ""}

    def form_valid(self, form: Any) -> HttpResponse:
        """Send the code, or take it."""
        if isinstance(form, CodeForm):
            return self._take(form, self.asked() or {})
        phone = form.cleaned_data["phone"]
        return self._send(form, {"phone": phone, "consents": form.consents})

    def _send(self, form: forms.Form, asked: dict[str, Any]) -> HttpResponse:
        now = clock.now()
        try:
            send_code(
                purpose=self.purpose,
                phone=asked["phone"],
                network=request_context.network_of(request_context.current().ip),
                now=now,
            )
        except RateLimited as refusal:
            return self._limited(form, asked, refusal)
        self.request.session[self._key()] = {**asked, "at": now.isoformat()}
        wanted = self.wanted()
        query = f"?{urlencode({REDIRECT_FIELD_NAME: wanted})}" if wanted else ""
        return redirect(f"{self.request.path}{query}")

    def _limited(
        self, form: forms.Form, asked: dict[str, Any], refusal: RateLimited
    ) -> HttpResponse:
        """Say how long to wait; a code sent from here before may still be typed."""
        before = self.asked()
        if before and before["phone"] == asked["phone"]:
            form = self.code_form()
        if not form.is_bound:
            form = type(form)({})
            form.full_clean()
            form.errors.clear()
        form.add_error(None, said(refusal.detail, refusal.code))
        answer = self.form_invalid(form, status=429)
        answer["Retry-After"] = str(refusal.retry_after)
        return answer

    def _take(self, form: CodeForm, asked: dict[str, Any]) -> HttpResponse:
        try:
            user = self.spend(asked, form.cleaned_data, clock.now())
        except CodeInvalid as refusal:
            count_failure(self.request, asked["phone"])
            form.add_error("code", said(refusal.detail, refusal.code))
        except DocumentEndingRequired as refusal:
            if form.cleaned_data["document_ending"]:
                count_failure(self.request, asked["phone"])
            form.ask_for_document(refusal)
        except AccountClosed as refusal:
            form.add_error(None, said(refusal.detail, refusal.code))
        else:
            del self.request.session[self._key()]
            on = self.wanted() or reverse("appointments:home")
            return open_session(self.request, user, method="code", redirect_url=on)
        return self.form_invalid(form)

    def _key(self) -> str:
        return f"code:{self.purpose}"
