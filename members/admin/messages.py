"""Where does staff see what left the house, send it again, and change the words?"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from medbook import clock
from medbook.admin_actions import ReasonForm
from medbook.admin_site import MedBookAdminSite
from medbook.api import status_of
from medbook.errors import Missing, Refused
from members.choices import Channel
from members.forms.messages import DeliveryFilter, WordsForm
from members.gateway import is_sandbox
from members.models import Delivery, MessageTemplate
from members.rules.messages import MessageKind, sms_parts
from members.selectors.messages import deliveries
from members.selectors.people import signed_in
from members.selectors.wording import (
    changed_template,
    changed_words,
    message_kinds,
    sample_facts,
    standard_template,
    worded,
)
from members.services.deliveries import CODE, resend_message
from members.services.message_words import change_words, restore_words

DELIVERIES_ON_A_PAGE = 50
SUFFIXES = {"en": "en", "zh-hans": "zh"}


@require_safe
@never_cache
def delivery_log(request: HttpRequest) -> HttpResponse:
    """List what left the house or is about to, masked."""
    kinds = message_kinds()
    form = DeliveryFilter(request.GET or None, kinds=list(kinds.values()))
    asked = form.cleaned_data if form.is_valid() else {}
    page = Paginator(deliveries(**asked), DELIVERIES_ON_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "page_query": "&".join(f"{name}={value}" for name, value in asked.items() if value),
        "rows": [(row, _label(row), _shown_text(row)) for row in page],
        "shows_texts": _shows_texts(),
    }
    return _page(request, "admin/messages/log.html", _("Messages"), context, form)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def delivery(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Show what became of one message; send it again, for a reason."""
    row = deliveries().filter(uid=uid).first()
    if row is None:
        raise Missing()
    may_resend = request.user.has_perm("members.resend_delivery")
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and not may_resend:
        raise PermissionDenied
    refusal = None
    if form.is_valid():
        try:
            again = resend_message(
                delivery_uid=uid, by=signed_in(request.user), now=clock.now(), **form.cleaned_data
            )
        except Refused as refused:
            refusal = refused
        else:
            messages.success(request, _("The message is sent again."))
            return redirect("admin:message_delivery", again.uid)
    context = {
        "delivery": row,
        "label": _label(row),
        "text": _shown_text(row),
        "form": form,
        "refusal": refusal,
        "may_resend": may_resend and row.kind != CODE and row.member is not None,
    }
    answer = _page(request, "admin/messages/delivery.html", _("Message"), context, form)
    answer.status_code = status_of(refusal) if refusal else answer.status_code
    return answer


@require_safe
@never_cache
def templates(request: HttpRequest) -> HttpResponse:
    """List the kinds of messages and what each says."""
    changed = changed_words()
    rows = [(kind, changed.get(kind.key)) for kind in message_kinds().values()]
    context = {
        "rows": [(kind, own or standard_template(kind), bool(own)) for kind, own in rows],
        "may_change": request.user.has_perm("members.change_messagetemplate"),
    }
    return _page(request, "admin/messages/templates.html", _("Words of messages"), context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def template(request: HttpRequest, kind: str) -> HttpResponse:
    """Change what one kind of message says, after a look at how it reads."""
    said = message_kinds().get(kind)
    if said is None:
        raise Missing()
    by = signed_in(request.user)
    if "restore" in request.POST:
        restore_words(kind=kind, by=by)
        messages.success(request, _("The standard words are back."))
        return redirect("admin:message_template", kind)
    own = changed_template(said)
    form = WordsForm(
        request.POST if request.method == "POST" else None,
        kind=said,
        template=own or standard_template(said),
    )
    if form.is_valid() and "preview" not in request.POST:
        change_words(kind=kind, by=by, now=clock.now(), **form.cleaned_data)
        messages.success(request, _("Both languages are saved."))
        return redirect("admin:message_templates")
    context = {
        "form": form,
        "kind": said,
        "variables": [f"{{{name}}}" for name in said.variables],
        "is_own": own is not None,
        "previews": _previews(said, form),
    }
    return _page(request, "admin/messages/template.html", str(said.label), context, form)


def _previews(kind: MessageKind, form: WordsForm) -> list[dict[str, Any]]:
    """Word a message with made-up facts in each language; of a form in error, nothing."""
    if form.is_bound and not form.is_valid():
        return []
    words = MessageTemplate(**(form.cleaned_data if form.is_bound else form.initial))
    found = []
    for code, name in settings.LANGUAGES:
        with translation.override(code):
            said = worded(kind, sample_facts(kind, clock.now()), words)
        found.append({"code": code, "name": name, "words": said, "parts": sms_parts(said.text)})
    return found


def _label(row: Delivery) -> str:
    kind = message_kinds().get(row.kind)
    return str(kind.label) if kind else row.kind


def _shows_texts() -> bool:
    """Tell whether texts are read here because nobody gets them: in development only."""
    return bool(settings.IS_DEVELOPMENT) and is_sandbox()


def _shown_text(row: Delivery) -> str:
    if row.channel != Channel.SMS or not _shows_texts() or row.text is None:
        return ""
    return row.text.reveal()


def _page(
    request: HttpRequest,
    name: str,
    title: str,
    context: dict[str, Any],
    form: Any = None,
) -> TemplateResponse:
    shared = {
        **admin.site.each_context(request),
        "title": title,
        "may_see_log": request.user.has_perm("members.view_delivery"),
        "may_see_templates": request.user.has_perm("members.view_messagetemplate"),
    }
    status = 422 if form is not None and form.errors else 200
    return TemplateResponse(request, name, {**shared, **context}, status=status)


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "messages/",
        delivery_log,
        name="messages",
        title=gettext_lazy("Messages"),
        permission="members.view_delivery",
    )
    admin.site.add_page(
        "messages/<uuid:uid>/",
        delivery,
        name="message_delivery",
        title=gettext_lazy("Message"),
        permission="members.view_delivery",
        is_on_home=False,
    )
    admin.site.add_page(
        "message-templates/",
        templates,
        name="message_templates",
        title=gettext_lazy("Words of messages"),
        permission="members.view_messagetemplate",
    )
    admin.site.add_page(
        "message-templates/<slug:kind>/",
        template,
        name="message_template",
        title=gettext_lazy("Words of a message"),
        permission="members.change_messagetemplate",
        is_on_home=False,
    )
