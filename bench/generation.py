"""How long does it take to make two weeks of sessions for 2,000 doctors?

Needs a checkout whose `make run` is up: it adds departments of its own to that database and
leaves them there. `.venv/bin/python bench/generation.py`; figures in bench/README.md.
"""

import os
import sys
import time
import uuid
from datetime import timedelta
from pathlib import Path

import django

DEPARTMENTS, DOCTORS, PLACES, DAYS = 40, 50, 20, 14
BAR = 30


def main() -> None:
    """Plan 2,000 doctors, foresee their two weeks, make them, and say how long each took."""
    from medbook import clock
    from scheduling.selectors.generation import DueDate, foreseen_dates
    from scheduling.services.release import generate_schedules

    departments = make_departments()
    now = clock.now()
    first = clock.local_date(now, "Asia/Shanghai") + timedelta(days=30)
    days = [first + timedelta(days=number) for number in range(DAYS)]

    begun = time.perf_counter()
    foreseen = foreseen_dates([DueDate(each, day) for each in departments for day in days])
    added = sum(len(each.schedules) for each in foreseen)
    print(f"preview: {added} sessions foreseen in {time.perf_counter() - begun:.1f} s")

    begun = time.perf_counter()
    made = generate_schedules(
        departments=departments, first=days[0], last=days[-1], now=now, tell=show
    )
    took, cpu = time.perf_counter() - begun, time.process_time()
    schedules, slots = sum(each.schedules for each in made), sum(each.slots for each in made)
    print(f"{len(made)} dates, {schedules} sessions, {slots} places: {took:.1f} s")
    print(f"{cpu:.1f} s of this process's CPU in all; load {os.getloadavg()[0]:.1f}")


def show(count: int, total: int, made: object) -> None:
    """Draw how far it is."""
    print(f"\r[{'#' * (BAR * count // total):.<{BAR}}] {count} of {total}", end="", flush=True)
    if count == total:
        print()


def make_departments() -> list:
    """Plan one session a day for each doctor, in a room of their own."""
    from scheduling.models import RosterTemplate
    from tests.factories import (
        ClinicFactory,
        DepartmentFactory,
        DoctorFactory,
        RoomFactory,
        RosterTemplateFactory,
        VisitTypeFactory,
    )

    tag = uuid.uuid4().hex[:6]
    clinic = ClinicFactory(code=f"bench-{tag}", country="")
    visit_type = VisitTypeFactory()
    departments, templates = [], []
    for number in range(DEPARTMENTS):
        department = DepartmentFactory(clinic=clinic, code=f"b{tag}-{number}")
        departments.append(department)
        for each in range(DOCTORS):
            name = f"{tag}-{number}-{each}"
            doctor = DoctorFactory(department=department, code=name, slug=f"bench-{name}")
            room = RoomFactory(clinic=clinic, code=name)
            templates += [
                RosterTemplateFactory.build(
                    doctor=doctor,
                    room=room,
                    visit_type=visit_type,
                    weekday=weekday,
                    max_appointments=PLACES,
                    desk_places=2,
                )
                for weekday in range(7)
            ]
    RosterTemplate.objects.bulk_create(templates, batch_size=2000)
    return departments


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medbook.settings")
    django.setup()
    main()
