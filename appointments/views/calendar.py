"""How does a visit get into a calendar?"""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from appointments.models import Appointment
from appointments.selectors.calendar import calendar_of_visit, feed_of, is_in_calendars
from appointments.selectors.visits import shown_appointment
from medbook import clock
from medbook.api_limits import counted_by_network
from medbook.errors import Missing
from members.models import Member
from members.services.calendar_feeds import member_of_feed
from members.views.entrance import for_members

CALENDAR = "text/calendar; charset=utf-8"


@for_members
@require_safe
def visit_calendar(request: HttpRequest, member: Member, reference: str) -> HttpResponse:
    """Give one visit as a file for a calendar; a hold is none yet."""
    return calendar_file(shown_appointment(member, reference))


@never_cache
@require_safe
def calendar_feed(request: HttpRequest, token: str) -> HttpResponse:
    """Give a member's visits to a calendar that knows the secret address; to others, nothing."""
    count = counted_by_network(request)
    if not count.is_within:
        return HttpResponse(status=429, headers={"Retry-After": str(count.seconds_left)})
    member = member_of_feed(token)
    if member is None:
        raise Http404
    return HttpResponse(feed_of(member, clock.now()), content_type=CALENDAR)


def calendar_file(visit: Appointment) -> HttpResponse:
    """Answer a visit as a file. Raises: Missing for what no calendar may know."""
    if not is_in_calendars(visit):
        raise Missing()
    answer = HttpResponse(calendar_of_visit(visit), content_type=CALENDAR)
    answer["Content-Disposition"] = f'attachment; filename="{visit.reference}.ics"'
    return answer
