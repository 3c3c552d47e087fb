"""How do numbers leave the house?"""

import csv
import io
from collections.abc import Collection
from datetime import date

from django.db import transaction
from django.utils.translation import gettext as _

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.spreadsheets import BYTE_ORDER_MARK, plain_cell
from members.models import User
from reports.selectors import DepartmentDay


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
