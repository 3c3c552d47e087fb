"""Which command moves sealed values to the active key?"""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from medbook.encryption import KeyUnavailable
from medbook.encryption.rotation import Progress, rotate_field, sealed_fields

EVERYTHING = "all"


class Command(BaseCommand):
    """Seal values anew with the active key, while the clinic is at work."""

    help = (
        "Seal all values anew that another key than MEDBOOK_DATA_KEY_ACTIVE holds."
        " Runs beside the other processes; may be stopped and run again at any moment."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Let the operator choose what is rotated, and how gently."""
        parser.add_argument("--label", default=EVERYTHING, help="all, or one label: member.phone")
        parser.add_argument("--batch", type=int, default=500, help="rows per transaction")
        parser.add_argument("--pause-ms", type=int, default=50, help="rest between transactions")

    def handle(self, *, label: str, batch: int, pause_ms: int, **_options: Any) -> None:
        """Rotate field by field and fail if a value stays behind."""
        fields = sealed_fields()
        if label != EVERYTHING and label not in fields:
            raise CommandError(f"No label {label!r}. There are: {', '.join(sorted(fields))}.")
        if batch < 1 or pause_ms < 0:
            raise CommandError("--batch is at least 1, --pause-ms at least 0.")
        chosen = fields if label == EVERYTHING else {label: fields[label]}
        left = 0
        for name, field in sorted(chosen.items()):
            started, last = time.monotonic(), Progress(rotated=0, damaged=0, left=0)
            try:
                for last in rotate_field(field=field, size=batch, pause_seconds=pause_ms / 1000):
                    self._tell(name, last, time.monotonic() - started)
            except KeyUnavailable as refusal:
                raise CommandError(
                    f"{name}: a key that its values need is not in MEDBOOK_DATA_KEYS."
                ) from refusal
            if not last.rotated and not last.left:
                self.stdout.write(f"{name}: nothing to do")
            left += last.left
        if left:
            raise CommandError(f"{left} values stay with an old key: run this again.")

    def _tell(self, name: str, progress: Progress, seconds: float) -> None:
        rate = progress.rotated / max(seconds, 0.001)
        damaged = f", {progress.damaged} damaged" if progress.damaged else ""
        self.stdout.write(
            f"{name}: {progress.rotated} rotated, {progress.left} left{damaged}, {rate:.0f} rows/s"
        )
