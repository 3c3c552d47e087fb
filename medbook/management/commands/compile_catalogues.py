"""Compile the message catalogues."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from medbook.catalogues import compile_catalogues


class Command(BaseCommand):
    """Compile what changed; needs no gettext."""

    help = "Compile the message catalogues that changed."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Name what was written."""
        for folder in settings.LOCALE_PATHS:
            for written in compile_catalogues(Path(folder)):
                if options["verbosity"]:
                    self.stdout.write(str(written))
