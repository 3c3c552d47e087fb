"""How long does calling 500 visits of one doctor off take, and how many queries?

Needs a checkout whose `make run` is up: it adds departments of its own to that database and
leaves them there. Pause the worker meanwhile (kill -STOP), or it takes the job away.
`.venv/bin/python bench/leave.py`; figures in bench/README.md.
"""

import os
import sys
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import django

VISITS, SESSIONS, COLLEAGUES = 500, 25, 10
PLACES = VISITS // SESSIONS


def main() -> None:
    """Call 500 visits off, half of them paid at the desk: with places to spare, and with none."""
    for colleagues in (COLLEAGUES, 0):
        tag = uuid.uuid4().hex[:6]
        begun = time.perf_counter()
        sessions = make_sessions(tag, colleagues)
        print(f"{VISITS} visits booked in {time.perf_counter() - begun:.0f} s", flush=True)
        call_off(sessions)


def call_off(sessions: list) -> None:
    """Confirm a leave over all the sessions, carry it out, and say what each took."""
    from appointments.models import Offer
    from appointments.selectors.leave import impact_of, tally
    from appointments.services.leave import Absence, confirm_leave, draft_leave
    from appointments.services.leave_work import carry_out_leave
    from medbook import clock
    from medbook.jobs.services import take_next_job
    from tests.factories import UserFactory

    now, by = clock.now(), UserFactory(username=f"bench-{uuid.uuid4().hex[:6]}", is_staff=True)
    first, last = sessions[0], sessions[-1]
    absence = Absence(first.doctor, first.starts_at, last.ends_at, "illness")
    leave = draft_leave(absence=absence, by=by, now=now)
    impact = timed("impact", lambda: impact_of(leave, now))
    print(f"  {len(impact.hits)} visits, {impact.without} without a place")
    said = {"leave_uid": leave.uid, "version": leave.version, "reason": "bench"}
    timed("confirm", lambda: confirm_leave(**said, by=by, now=now))
    leave.refresh_from_db()
    running = take_next_job(now=clock.now())
    if running is None:
        sys.exit("The worker has taken the job: pause it.")
    timed("job", lambda: carry_out_leave(running))
    running.note(state="done", finished_at=clock.now())
    offers = Offer.objects.filter(called_off__doctor=leave.doctor).count()
    print(f"  {tally(leave)}, {offers} offers")


def timed(name: str, act: Callable) -> object:
    """Do something; say its wall time, CPU and queries."""
    from django.db import connection

    asked = 0

    def count(execute: Callable, *args: object) -> object:
        nonlocal asked
        asked += 1
        return execute(*args)

    begun, cpu = time.perf_counter(), time.process_time()
    with connection.execute_wrapper(count):
        made = act()
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    print(f"  {name}: {took:.1f} s, {cpu:.1f} s CPU of this process, {asked} queries", flush=True)
    return made


def make_sessions(tag: str, colleagues: int) -> list:
    """Fill a doctor's sessions of 20 places, one a day; colleagues sit beside, without visits."""
    from factory import LazyAttribute

    from appointments.services.payment import take_desk_payment
    from medbook import clock
    from scheduling.models import Slot
    from tests.appointments.booking import book
    from tests.factories import (
        ClinicFactory,
        DepartmentFactory,
        DoctorFactory,
        RoomFactory,
        UserFactory,
        VisitTypeFactory,
        schedule_with_slots,
    )

    clinic = ClinicFactory(code=f"bench-{tag}", country="")
    department = DepartmentFactory(clinic=clinic, code=f"b{tag}")
    visit_type = VisitTypeFactory()
    cashier = UserFactory(username=f"cashier-{tag}", is_staff=True)
    today = clock.local_date(clock.now(), clinic.time_zone)
    made = []
    for who in range(1 + colleagues):
        name = f"{tag}-{who}"
        doctor = DoctorFactory(department=department, code=name, slug=f"bench-{name}")
        room = RoomFactory(clinic=clinic, code=name)
        made.append(
            [
                schedule_with_slots(
                    PLACES,
                    doctor=doctor,
                    room=room,
                    visit_type=visit_type,
                    service_date=today + timedelta(days=3 + day),
                    ends_at=LazyAttribute(lambda session: session.starts_at + timedelta(hours=7)),
                    release_at=clock.now() - timedelta(days=1),
                )
                for day in range(SESSIONS)
            ]
        )
    for number, slot in enumerate(Slot.objects.filter(schedule__in=made[0]).order_by("starts_at")):
        visit = book(make_member(f"{tag}-{number}"), slot.schedule, slot_uid=slot.uid)
        if number % 2:
            take_desk_payment(
                appointment_uid=visit.uid, gateway="desk_cash", by=cashier, now=clock.now()
            )
    return made[0]


def make_member(name: str):
    """Make a member with a patient, unlike those of earlier runs."""
    from tests.factories import FamilyLinkFactory

    link = FamilyLinkFactory(
        member__user__username=name,
        member__user__password=None,
        member__phone=f"+8617{uuid.uuid4().int % 10**9:09d}",
        patient__identity_kind="passport",
        patient__identity_number=f"E{uuid.uuid4().int % 10**8:08d}",
    )
    return link.member


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medbook.settings")
    django.setup()
    main()
