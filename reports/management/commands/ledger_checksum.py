"""Tell the checksum of all money and points."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from reports.selectors.ledger import checksums


class Command(BaseCommand):
    """Print a SHA-256 over the journal of each currency and over the points, with totals."""

    help = "Tell a checksum of the journal and the points, e.g. before and after a restore."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Know who reads it."""
        parser.add_argument("--json", action="store_true", dest="as_json", help="for a program")

    def handle(self, *args: Any, as_json: bool, **options: Any) -> None:
        """Print one block for each."""
        ledgers = checksums()
        if as_json:
            said = {name: asdict(ledger) for name, ledger in ledgers.items()}
            self.stdout.write(json.dumps(said, indent=2, sort_keys=True))
            return
        for name, ledger in ledgers.items():
            self.stdout.write(f"{name}: {ledger.sha256}, {ledger.rows} rows")
            for account, amount in ledger.totals.items():
                self.stdout.write(f"  {account}: {amount}")
