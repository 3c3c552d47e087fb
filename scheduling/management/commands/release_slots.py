"""Make the schedules and places that are due, by hand."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from medbook import clock
from scheduling.choices import RunState
from scheduling.services.release import MadeDate, make_due_schedules


class Command(BaseCommand):
    """Run the release as the night does; safe at any time, any number of times."""

    help = "Make the schedules and places of every department's horizon that are missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Read which department, and in development which instant."""
        parser.add_argument("--department", metavar="CODE", help="only this department")
        parser.add_argument(
            "--now",
            metavar="INSTANT",
            help="pretend that it is this instant, such as 2026-11-26T02:00+08:00 (development)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is due, a line for each date, and a summary."""
        dates = make_due_schedules(
            now=_instant(options["now"]), department_code=options["department"], tell=self._tell
        )
        failed = [made for made in dates if made.run.state == RunState.FAILED]
        schedules = sum(made.schedules for made in dates)
        slots = sum(made.slots for made in dates)
        clashes = sum(len(made.run.clashes) for made in dates if made not in failed)
        self.stdout.write(
            f"{len(dates)} dates: {schedules} schedules and {slots} places made,"
            f" {clashes} clashes, {len(failed)} dates failed."
        )
        if failed:
            raise CommandError("Some dates failed; the next run tries them again.")

    def _tell(self, count: int, total: int, made: MadeDate | None) -> None:
        if made is None:
            self.stdout.write(f"[{count}/{total}] another run is at work on this date")
            return
        run = made.run
        said = run.error or f"{made.schedules} schedules, {made.slots} places"
        self.stdout.write(
            f"[{count}/{total}] {run.service_date} {run.department.code}: {run.state}, {said}"
        )


def _instant(text: str | None) -> datetime:
    if text is None:
        return clock.now()
    if not settings.IS_DEVELOPMENT:
        raise CommandError("--now works in development only.")
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise CommandError("--now wants an instant such as 2026-11-26T02:00+08:00.") from wrong
    if instant.tzinfo is None:
        raise CommandError("--now wants an offset from UTC, such as +08:00.")
    return instant
