"""Check that the whole database is as it must be."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from medbook import clock
from reports.selectors import broken_invariants, invariants


class Command(BaseCommand):
    """Run every invariant query; fail where one finds something."""

    help = "Check that the whole database is as it must be, e.g. hourly and after a restore."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Know whether the worker is meant to be alive."""
        parser.add_argument(
            "--without-workers", action="store_true", help="the worker is stopped on purpose"
        )

    def handle(self, *args: Any, without_workers: bool, **options: Any) -> None:
        """Name what is broken, and the rows."""
        broken = broken_invariants(now=clock.now(), workers_run=not without_workers)
        sentences = {truth.name: truth.sentence for truth in invariants()}
        for name, found in broken.items():
            self.stderr.write(f"{name}: {sentences[name]}")
            for what in found:
                self.stderr.write(f"  {what}")
        if broken:
            raise CommandError(f"{len(broken)} of {len(sentences)} invariants are broken.")
        self.stdout.write(f"{len(sentences)} invariants hold.")
