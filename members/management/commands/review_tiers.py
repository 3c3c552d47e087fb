"""Review the tiers of all members, by hand."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from medbook import clock
from members.services.tiers import review_tiers

BAR_WIDTH = 40


class Command(BaseCommand):
    """Review as the night does; safe at any time, any number of times."""

    help = "Put every member into the tier that the points of the last 365 days deserve."

    def handle(self, *args: Any, **options: Any) -> None:
        """Review everybody, with a bar that fills, and a summary."""
        outcomes = review_tiers(now=clock.now(), progress=self._show)
        said = ", ".join(f"{count} {what}" for what, count in sorted(outcomes.items()))
        self.stdout.write(f"Reviewed: {said or 'nothing to change'}.")
        if outcomes["failed"]:
            raise CommandError("Some members failed; the next review tries them again.")

    def _show(self, done: int, total: int) -> None:
        filled = BAR_WIDTH * done // total
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        self.stderr.write(f"\r[{bar}] {done} of {total}", ending="" if done < total else "\n")
