"""How do numbers leave the house?"""

import csv
import io
from collections.abc import Collection
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.spreadsheets import BYTE_ORDER_MARK, plain_cell, workbook
from members.models import User
from reports.selectors import DepartmentDay
from reports.selectors.revenue import Revenue


@transaction.atomic(durable=True)
def export_bookings(*, rows: Collection[DepartmentDay], start: date, end: date, by: User) -> str:
    """Write the report as CSV and note who took it; small counts stay hidden here too."""
    text = io.StringIO(BYTE_ORDER_MARK)
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text)
    writer.writerow(
        [
            _("Date"),
            _("Clinic"),
            _("Department"),
            _("Offered"),
            _("Booked"),
            _("Attended"),
            _("Cancelled"),
            _("Called off"),
        ]
    )
    for row in rows:
        names = (row.department.clinic.name, row.department.name)
        writer.writerow([row.day.isoformat(), *map(plain_cell, names), *row.tally.told])
    record_event(
        Action.EXPORT_MADE,
        by=by,
        facts={
            "report": "bookings",
            "start": start.isoformat(),
            "end": end.isoformat(),
            "rows": len(rows),
        },
    )
    return text.getvalue()


@transaction.atomic(durable=True)
def export_revenue(*, found: Revenue, first: date, last: date, by: User) -> bytes:
    """Write the report on money as a workbook, and note who took it."""
    head = [
        _("Department"),
        _("Doctor"),
        _("Visits paid"),
        _("Registration fees"),
        _("Discounts"),
        _("Points"),
        _("Insurer"),
        _("Paid in"),
        _("Given back"),
        _("Net"),
    ]
    rows: list[list[Any]] = [
        [
            row.department or _("Without a visit"),
            row.doctor or "",
            row.figures.visits,
            *row.figures.amounts,
        ]
        for row in found.rows
    ]
    total = [_("Total"), "", found.total.visits, *found.total.amounts]
    checks = [[each.name, *each.amounts, _said(each.agrees)] for each in found.checks]
    check_head = [
        _("Way to pay"),
        _("Journal"),
        _("Report"),
        _("Not settled in these days"),
        _("From other days"),
        _("Decided differences"),
        _("Closed settlements"),
        _("Agrees"),
    ]
    content = workbook(
        {_("Revenue"): [head, *rows, total], _("Check"): [check_head, *checks]},
    )
    record_event(
        Action.EXPORT_MADE,
        by=by,
        facts={
            "report": "revenue",
            "start": first.isoformat(),
            "end": last.isoformat(),
            "rows": len(rows),
        },
    )
    return content


def _said(is_so: bool) -> str:
    return _("yes") if is_so else _("no")
