"""What do staff read of the money that visits bring in?"""

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from medbook import clock, databases
from medbook.admin_site import MedBookAdminSite
from medbook.spreadsheets import XLSX
from members.selectors.people import signed_in
from reports.forms import RevenueFilter
from reports.selectors.revenue import revenue
from reports.services.exports import export_revenue


@require_safe
@never_cache
def revenue_report(request: HttpRequest) -> HttpResponse:
    """Show fees and money by department and doctor, or give them as a workbook."""
    today = clock.site_date(clock.now())
    month = {"from": today.replace(day=1).isoformat(), "to": today.isoformat()}
    form = RevenueFilter(request.GET if "from" in request.GET else month)
    if not form.is_valid():
        return _page(request, {"form": form}, status=422)
    first, last = form.cleaned_data["start"], form.cleaned_data["until"]
    found = revenue(first, last, using=databases.reports())
    if request.GET.get("format") == "xlsx":
        return HttpResponse(
            export_revenue(found=found, first=first, last=last, by=signed_in(request.user)),
            content_type=XLSX,
            headers={"Content-Disposition": f'attachment; filename="revenue-{first}-{last}.xlsx"'},
        )
    query = f"from={first}&to={last}&format=xlsx"
    context = {"form": form, "found": found, "total": found.total, "query": query}
    return _page(request, {**context, "as_of": clock.now(), "currency": settings.CURRENCY})


def _page(request: HttpRequest, context: dict[str, object], status: int = 200) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": _("Revenue by department and doctor"),
        **context,
    }
    return TemplateResponse(request, "reports/revenue.html", context, status=status)


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "reports/revenue/",
        revenue_report,
        name="revenue",
        title=gettext_lazy("Revenue"),
        permission="reports.view_reports",
    )
