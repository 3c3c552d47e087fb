"""How is an invented hospital put into an empty development database?"""

import json
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction

from members.models import User
from scheduling.models import Clinic, Department, Doctor, Price, Room, RosterTemplate, VisitType

DEMO = Path(__file__).resolve().parent.parent / "demo"
STAFF_DOCTOR = "D001"  # whose account is `doctor`

Rows = dict[str, list[dict[str, Any]]]


def demo_rows(name: str) -> Rows:
    """Read one of the files in reports/demo/."""
    rows: Rows = json.loads((DEMO / f"{name}.json").read_text())
    return rows


@transaction.atomic(durable=True)
def make_hospital(*, valid_from: date) -> int:
    """Make clinics, rooms, a price list, doctors, rosters and so on; tell how many doctors."""
    rows = demo_rows("hospital")
    clinics = {row["code"]: Clinic.objects.create(**row) for row in rows["clinics"]}
    departments = {
        row["code"]: Department.objects.create(**{**row, "clinic": clinics[row["clinic"]]})
        for row in rows["departments"]
    }
    rooms = {
        row["code"]: Room.objects.create(**{**row, "clinic": clinics[row["clinic"]]})
        for row in rows["rooms"]
    }
    visit_types = {row["code"]: VisitType.objects.create(**row) for row in rows["visit_types"]}
    Price.objects.bulk_create(
        Price(
            clinic=clinic,
            visit_type=visit_types[row["visit_type"]],
            title=title,
            fee=Decimal(fee),
            valid_from=valid_from,
        )
        for clinic in clinics.values()
        for row in rows["prices"]
        for title, fee in row["fees"].items()
    )
    account = User.objects.get(username="doctor")
    doctors = demo_rows("doctors")["doctors"]
    patterns = []
    for row in doctors:
        weekdays, room = row.pop("weekdays"), rooms[row.pop("room")]
        row["department"] = departments[row["department"]]
        doctor = Doctor.objects.create(**row, user=account if row["code"] == STAFF_DOCTOR else None)
        patterns += [
            RosterTemplate(
                doctor=doctor,
                room=room,
                visit_type=visit_types[session["visit_type"]],
                weekday=weekday,
                start_time=time.fromisoformat(session["start_time"]),
                end_time=time.fromisoformat(session["end_time"]),
                max_appointments=session["max_appointments"],
                fee=Decimal(session["fee"]) if "fee" in session else None,
                valid_from=valid_from,
            )
            for session in rows["sessions"]
            if session["title"] == doctor.title
            for weekday in weekdays
        ]
    RosterTemplate.objects.bulk_create(patterns)
    return len(doctors)
