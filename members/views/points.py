"""How did a member's points come and go, and what expires next?"""

import csv
import io
from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from medbook import clock
from medbook.spreadsheets import BYTE_ORDER_MARK, plain_cell
from members.forms.points import PointsFilter
from members.models import Member, PointEntry
from members.rules.points import worth
from members.selectors.points import balance, ledger_of, point_entries, years_of_points
from members.views.entrance import for_members

ENTRIES_ON_A_PAGE = 20
LAST_MOMENT = timedelta(microseconds=1)  # points end at a midnight: their last day is before it


@for_members
@require_safe
def points(request: HttpRequest, member: Member) -> HttpResponse:
    """List a member's points, the last entry first, or give them as CSV."""
    form = PointsFilter(request.GET, years=years_of_points(member))
    entries = point_entries(member)
    if form.is_valid():
        year, kind = form.cleaned_data["year"], form.cleaned_data["kind"]
        entries = point_entries(member, year=year, reasons=[kind] if kind else ())
        if request.GET.get("format") == "csv":
            return _csv(entries)
    page = Paginator(entries, ENTRIES_ON_A_PAGE).get_page(request.GET.get("page"))
    now = clock.now()
    ledger = ledger_of(member)
    asked = {name: value for name, value in form.data.items() if name in form.fields and value}
    context = {
        "member": member,
        "balance": balance(member),
        "worth": worth(ledger.spendable(now)),
        "currency": settings.CURRENCY,
        "expiring": [
            (part.points, _last_day(part.expires_at))
            for part in ledger.expiring(now)
            if part.expires_at
        ],
        "form": form,
        "is_filtered": bool(asked),
        "page": page,
        "rows": [(entry, _last_day(entry.expires_at)) for entry in page],
        "page_query": urlencode(asked),
    }
    return render(request, "members/points.html", context, status=422 if form.errors else 200)


def _csv(entries: Iterable[PointEntry]) -> HttpResponse:
    """Write entries for a spreadsheet; numbers as numbers, words never as formulas."""
    text = io.StringIO(BYTE_ORDER_MARK)
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text)
    writer.writerow([_("Date"), _("What"), _("Points"), _("Balance"), _("Valid until"), _("Note")])
    for entry in entries:
        last_day = _last_day(entry.expires_at)
        writer.writerow(
            [
                timezone.localtime(entry.at).isoformat(timespec="seconds"),
                plain_cell(entry.get_reason_display()),
                entry.amount,
                entry.balance_after,
                timezone.localtime(last_day).date().isoformat() if last_day else "",
                plain_cell(entry.note),
            ]
        )
    return HttpResponse(
        text.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="points.csv"'},
    )


def _last_day(expires_at: datetime | None) -> datetime | None:
    return expires_at - LAST_MOMENT if expires_at else None
