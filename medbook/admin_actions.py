"""How does staff act on chosen rows: after a look at them, through a service, one by one?"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from medbook import locks
from medbook.admin_site import ChoosingAdmin
from medbook.errors import DomainError

Answers = Mapping[str, Any]
Act = Callable[[Any, HttpRequest, Any, Answers], str | Promise | None]
Action = Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse | None]

MOST_ROWS = 200  # what one person can look over before pressing the button
MOST_REFUSALS_SHOWN = 20


class ReasonForm(forms.Form):
    """Ask why."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy(
            "Kept in the operation log. Please write no names, phone numbers or health data."
        ),
    )


class ActingAdmin(ChoosingAdmin):
    """An admin that offers its confirmed actions to those who hold their permission."""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out what this user may not do."""
        return {
            name: found
            for name, found in super().get_actions(request).items()
            if found and request.user.has_perms(_needed(found[0]))
        }


def confirmed_action(
    description: str | Promise,
    *,
    permission: str,
    explanation: str | Promise = "",
    form: type[forms.Form] = forms.Form,
) -> Callable[[Act], Action]:
    """Turn a method that acts on one row into an admin action with a page to confirm it.

    The method is called once per chosen row, with the cleaned answers of the form, outside any
    transaction, so that it may call a durable service. It may return a sentence to show. Its
    refusals are shown beside the row they are about; the other rows are done all the same.
    """

    def made(act: Act) -> Action:
        @functools.wraps(act)
        def action(
            self: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[Any]
        ) -> HttpResponse | None:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            rows = list(queryset.order_by("pk")[: MOST_ROWS + 1])
            if len(rows) > MOST_ROWS:
                most = _("Please choose at most %(count)d rows.") % {"count": MOST_ROWS}
                self.message_user(request, most, messages.ERROR)
                return None
            answered = form(request.POST if "confirmed" in request.POST else None)
            if answered.is_valid():
                _act_on(rows, act, self, request, answered.cleaned_data)
                return None
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": description,
                "explanation": explanation,
                "rows": rows,
                "form": answered,
                "action": act.__name__,
                "checkbox_name": ACTION_CHECKBOX_NAME,
                "media": self.media + answered.media,
            }
            status = 422 if answered.is_bound else 200
            return TemplateResponse(request, "admin/confirm_action.html", context, status=status)

        action.short_description = description  # type: ignore[attr-defined]
        action.permissions_needed = (permission,)  # type: ignore[attr-defined]
        return action

    return made


def _act_on(
    rows: list[Model],
    act: Act,
    model_admin: admin.ModelAdmin,
    request: HttpRequest,
    answers: Answers,
) -> None:
    done, refusals = 0, []
    for row in rows:
        try:
            said = act(model_admin, request, row, answers)
        except (DomainError, DatabaseError) as error:
            refusal = error if isinstance(error, DomainError) else locks.as_refusal(error)
            if refusal is None:
                raise
            refusals.append(_of_row(row, refusal.detail))
            continue
        done += 1
        if said:
            model_admin.message_user(request, _of_row(row, said), messages.INFO)
    if done:
        text = ngettext("%(count)d row done.", "%(count)d rows done.", done) % {"count": done}
        model_admin.message_user(request, text, messages.SUCCESS)
    for text in refusals[:MOST_REFUSALS_SHOWN]:
        model_admin.message_user(request, text, messages.ERROR)
    if (hidden := len(refusals) - MOST_REFUSALS_SHOWN) > 0:
        text = ngettext(
            "%(count)d more row was refused.", "%(count)d more rows were refused.", hidden
        )
        model_admin.message_user(request, text % {"count": hidden}, messages.ERROR)


def _of_row(row: Model, said: str | Promise) -> str:
    return _("%(row)s: %(said)s") % {"row": row, "said": said}


def _needed(action: Callable[..., Any]) -> tuple[str, ...]:
    return getattr(action, "permissions_needed", ())
