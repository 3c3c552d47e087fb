"""Make the sessions of chosen dates, by hand."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from medbook import clock
from medbook.errors import Refused
from scheduling.choices import RunState
from scheduling.models import Department
from scheduling.rules.generation import require_possible
from scheduling.services.release import MadeDate, generate_schedules

BAR = 30


class Command(BaseCommand):
    """Make what is missing of some departments' dates; safe at any time, any number of times."""

    help = "Make the sessions and places that roster templates ask for on chosen dates."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Read which dates of which departments."""
        day = date.fromisoformat
        parser.add_argument("--from", dest="first", type=day, required=True, metavar="DATE")
        parser.add_argument("--to", dest="last", type=day, required=True, metavar="DATE")
        parser.add_argument("--department", metavar="CODE", action="append", help="may be repeated")
        parser.add_argument("--clinic", metavar="CODE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make them under a bar that says how far it is, and sum up."""
        first, last, now = options["first"], options["last"], clock.now()
        try:
            require_possible(first, last, now)
        except Refused as refusal:
            raise CommandError(refusal.detail) from refusal
        made = generate_schedules(
            departments=_departments(options["department"], options["clinic"]),
            first=first,
            last=last,
            now=now,
            tell=self._tell,
        )
        failed = [each for each in made if each.run.state == RunState.FAILED]
        schedules, slots = sum(each.schedules for each in made), sum(each.slots for each in made)
        clashes = sum(len(each.run.clashes) for each in made if each not in failed)
        self.stdout.write(
            f"{len(made)} dates: {schedules} schedules and {slots} places made,"
            f" {clashes} clashes, {len(failed)} dates failed."
        )
        if failed:
            raise CommandError("Some dates failed; run this again.")

    def _tell(self, count: int, total: int, made: MadeDate | None) -> None:
        bar = "#" * (BAR * count // total)
        ending = "\n" if count == total else "\r"
        self.stdout.write(f"[{bar:.<{BAR}}] {count} of {total} dates", ending=ending)
        self.stdout.flush()


def _departments(codes: list[str] | None, clinic: str | None) -> list[Department]:
    """Find the departments. Raises: CommandError for a code that is none."""
    rows = Department.objects.filter(is_active=True, clinic__is_active=True)
    if clinic:
        rows = rows.filter(clinic__code=clinic)
    if codes:
        rows = rows.filter(code__in=codes)
    found = list(rows.order_by("clinic__code", "code"))
    missing = set(codes or ()) - {department.code for department in found}
    if missing or not found:
        raise CommandError(f"No such department: {', '.join(sorted(missing)) or clinic}")
    return found
