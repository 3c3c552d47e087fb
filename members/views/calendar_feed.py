"""How does a member see and change the calendar address of the account?"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from medbook import clock
from members.models import CalendarFeed, Member
from members.services.calendar_feeds import close_calendar_feed, open_calendar_feed
from members.views.entrance import for_members

TOKEN = "calendar_token"  # noqa: S105


@for_members
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def calendar_feed(request: HttpRequest, member: Member) -> HttpResponse:
    """Show a new calendar address, once; make one, or end it, when asked."""
    if request.method == "POST":
        if "end" in request.POST:
            close_calendar_feed(member=member, by=member.user, now=clock.now())
            messages.success(request, _("The calendar address has ended."))
        else:
            request.session[TOKEN] = open_calendar_feed(
                member=member, by=member.user, now=clock.now()
            )
        return redirect("members:calendar_feed")
    token = request.session.pop(TOKEN, "")
    context = {
        "feed": CalendarFeed.objects.filter(member=member).first(),
        "address": request.build_absolute_uri(reverse("calendar_feed", args=[token]))
        if token
        else "",
    }
    return render(request, "members/calendar_feed.html", context)
