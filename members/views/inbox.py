"""What was a member told, and how do they want to be told?"""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from medbook import clock
from members.choices import Channel
from members.forms.messages import WaysForm
from members.models import Member
from members.selectors.messages import OUTWARD, chosen_ways, inbox, kinds_told, open_ways, told
from members.selectors.wording import message_kinds
from members.services import inbox as services
from members.views.entrance import for_members

MESSAGES_ON_A_PAGE = 20


@dataclass(frozen=True)
class Way:
    """One box of the grid: a kind by a channel."""

    channel: Channel
    value: str
    is_on: bool
    is_fixed: bool


@for_members
@require_safe
def show_inbox(request: HttpRequest, member: Member) -> HttpResponse:
    """List a member's messages, the unread first; perhaps of one kind only."""
    kinds = kinds_told(member)
    asked = request.GET.get("kind", "")
    kind = asked if asked in {kind.key for kind in kinds} else ""
    rows = inbox(member).order_by(F("read_at").asc(nulls_first=True), "-created_at", "-id")
    page = Paginator(rows.filter(kind=kind) if kind else rows, MESSAGES_ON_A_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "page": page,
        "page_query": f"kind={kind}" if kind else "",
        "told": told(page),
        "kinds": kinds,
        "kind": kind,
        "has_unread": rows.filter(read_at__isnull=True).exists(),
    }
    return render(request, "members/inbox.html", context)


@for_members
@require_POST
def open_notification(request: HttpRequest, member: Member, uid: UUID) -> HttpResponse:
    """Lead to the page that a message is about, and note that it was read."""
    notification = services.read_notification(member=member, notification_uid=uid, now=clock.now())
    if not notification.path:
        return redirect("members:inbox")
    return redirect(f"/{get_language()}/{notification.path}")


@for_members
@require_POST
def read_notification(request: HttpRequest, member: Member, uid: UUID) -> HttpResponse:
    """Note that a message was read."""
    services.read_notification(member=member, notification_uid=uid, now=clock.now())
    return redirect("members:inbox")


@for_members
@require_POST
def read_all(request: HttpRequest, member: Member) -> HttpResponse:
    """Note that all messages were read."""
    services.read_all_notifications(member=member, now=clock.now())
    return redirect("members:inbox")


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def ways(request: HttpRequest, member: Member) -> HttpResponse:
    """Ask by which channels each kind of message is wanted, and when to be left alone."""
    may_choose = open_ways(member)
    form = WaysForm(
        request.POST if request.method == "POST" else None,
        initial={"quiet_from": member.quiet_from, "quiet_until": member.quiet_until},
        ways=may_choose,
    )
    if form.is_valid():
        services.choose_ways(member=member, by=member.user, **form.cleaned_data)
        messages.success(request, _("Your choices are saved."))
        return redirect("members:ways")
    context = {
        "form": form,
        "rows": _grid(
            member, may_choose, set(request.POST.getlist("wanted")) if form.is_bound else None
        ),
        "channels": OUTWARD,
        "has_email": bool(member.email),
    }
    return render(request, "members/ways.html", context, status=422 if form.errors else 200)


def _grid(
    member: Member, may_choose: list[tuple[str, str]], ticked: set[str] | None
) -> list[tuple[str | Promise, list[Way]]]:
    """Lay out kinds by channels; boxes that were ticked on a form in error stay ticked."""
    chosen = chosen_ways(member)

    def way(kind: str, channel: Channel) -> Way:
        value = f"{kind}:{channel}"
        is_fixed = (kind, channel) not in may_choose
        is_on = chosen[kind, channel] if is_fixed or ticked is None else value in ticked
        return Way(channel, value, is_on, is_fixed)

    return [
        (kind.label, [way(kind.key, channel) for channel in OUTWARD])
        for kind in message_kinds().values()
    ]
