"""Fill an empty development database with an invented hospital."""

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from medbook import clock
from members.services.roles import grant_roles
from members.services.tiers import review_tiers
from reports.services.demo_hospital import make_hospital
from reports.services.demo_insurance import make_insurance
from reports.services.demo_people import make_people
from reports.services.demo_visits import (
    cast,
    fill_coming_days,
    open_soon,
    play_past_week,
    spare_confirmations,
)
from scheduling.models import Clinic
from scheduling.rules.sessions import NIGHTLY_RUN_AT, moment
from scheduling.services.release import make_due_schedules

DAYS_PAST = 7


class Command(BaseCommand):
    """Load the demo once: an invented hospital, its people, a week past and two to come."""

    help = "Fill an empty development database with invented people and bookings."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it step by step, saying so; do nothing where there are clinics already."""
        if not settings.IS_DEVELOPMENT:
            raise CommandError("Demo data is for development: everybody knows its passwords.")
        if Clinic.objects.exists():
            return
        self.verbosity = options["verbosity"]
        now = clock.now()
        began = now - timedelta(days=DAYS_PAST)
        zone = settings.TIME_ZONE
        grant_roles()  # staff are put into groups
        self._step("accounts", make_people, now=began)
        self._step("tiers", lambda at: review_tiers(now=at).total(), at=began)
        self._step(
            "doctors",
            make_hospital,
            valid_from=clock.local_date(began, zone),
        )
        moves_on = moment(clock.local_date(now, zone), NIGHTLY_RUN_AT, zone)
        for instant in (began, max(now, moves_on)):  # fourteen days ahead at any hour
            self._step("dates", lambda at: len(make_due_schedules(now=at)), at=instant)
        self._step("insurance policies", make_insurance, now=now)
        people = cast()
        self._step("visits of the week past", play_past_week, people=people, now=now)
        self._step("coming visits", fill_coming_days, people=people, now=now)
        spare_confirmations(now=now)
        self._step("sessions that open soon", open_soon, people=people, now=now)

    def _step(self, what: str, make: Any, **arguments: Any) -> None:
        started = time.monotonic()
        count = make(**arguments)
        if self.verbosity:
            self.stdout.write(f"  {count} {what}, {time.monotonic() - started:.1f} s")
