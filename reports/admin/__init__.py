"""What do staff read in the reports?"""

from collections import defaultdict
from datetime import timedelta
from typing import cast

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from medbook import clock, databases
from medbook.admin_site import MedBookAdminSite
from members.models import User
from reports import rules
from reports.admin import revenue as revenue
from reports.forms import BookingsFilter
from reports.rules import Tally
from reports.selectors import DepartmentDay, bookings_per_department_and_day
from reports.services.exports import export_bookings

DAYS_SHOWN = 7
DAYS_OFFERED = 30  # where there is nothing to see


@require_safe
def bookings(request: HttpRequest) -> HttpResponse:
    """Show bookings per department and day, or give them as CSV."""
    form = BookingsFilter(request.GET if "start" in request.GET else _days(DAYS_SHOWN))
    if not form.is_valid():
        return _page(request, form, [], status=422)
    start, end = form.cleaned_data["start"], form.end
    rows = bookings_per_department_and_day(
        departments=form.departments(), start=start, end=end, using=databases.reports()
    )
    if request.GET.get("format") == "csv":
        text = export_bookings(rows=rows, start=start, end=end, by=cast(User, request.user))
        name = f"bookings-{start}-{end - timedelta(days=1)}.csv"
        return HttpResponse(
            text,
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
    return _page(request, form, rows)


def _page(
    request: HttpRequest, form: BookingsFilter, rows: list[DepartmentDay], status: int = 200
) -> HttpResponse:
    by_department: defaultdict[str, Tally] = defaultdict(Tally)
    for row in rows:
        by_department[str(row.department)] += row.tally
    query = request.GET.copy()
    query["format"] = "csv"
    context = {
        **admin.site.each_context(request),
        "title": _("Bookings per department and day"),
        "form": form,
        "rows": rows,
        "by_department": dict(by_department),
        "total": rules.total(by_department.values()),
        "finding": rules.finding(by_department),
        "as_of": clock.now(),
        "csv_query": query.urlencode(),
        "wider": _days(DAYS_OFFERED),
    }
    return TemplateResponse(request, "reports/bookings.html", context, status=status)


def _days(count: int) -> dict[str, str]:
    """Ask for the last days, today included."""
    today = clock.local_date(clock.now(), settings.TIME_ZONE)
    first = today - timedelta(days=count - 1)
    return {"start": first.isoformat(), "until": today.isoformat()}


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "reports/",
        bookings,
        name="reports",
        title=gettext_lazy("Reports"),
        permission="reports.view_reports",
    )
