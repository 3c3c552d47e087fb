"""Tell the code that the auditor's authenticator app would show now, in the demo."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from medbook import clock
from members.rules.second_factor import code_at, step_of
from reports.services.demo_people import AUDITOR_SECRET


class Command(BaseCommand):
    """Say the code of the one demo account that has a second factor."""

    help = "Tell the six digits that the demo auditor's app shows now."

    def handle(self, *args: Any, **options: Any) -> None:
        """Compute it from the published secret; no other account has that secret."""
        if not settings.IS_DEVELOPMENT:
            raise CommandError("There is no demo account in production.")
        self.stdout.write(code_at(AUDITOR_SECRET, step_of(clock.now())))
