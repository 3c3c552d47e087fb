"""What is the checksum of all money and all points?"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from billing.models import Posting
from members.models import PointEntry

AT_ONCE = 5000


@dataclass
class Ledger:
    """The sum over entries in their order: the same data has the same checksum everywhere."""

    sha256: str
    rows: int
    totals: dict[str, str]


@dataclass
class _Sum:
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    rows: int = 0
    totals: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, account: str, amount: Decimal | int, *facts: object) -> None:
        """Add one row."""
        line = "\t".join(map(str, (*facts, account, amount)))
        self.digest.update(f"{line}\n".encode())
        self.rows += 1
        self.totals[account] += amount

    @property
    def ledger(self) -> Ledger:
        totals = {name: str(amount) for name, amount in sorted(self.totals.items())}
        return Ledger(self.digest.hexdigest(), self.rows, totals)


def checksums(*, using: str = "default") -> dict[str, Ledger]:
    """Sum up the journal of each currency, and the points, in the order of their writing."""
    sums: defaultdict[str, _Sum] = defaultdict(_Sum)
    postings = Posting.objects.using(using).order_by("entry_id", "account")
    for currency, entry, account, amount, kind, reference in postings.values_list(
        "entry__currency", "entry_id", "account", "amount", "entry__kind", "entry__reference"
    ).iterator(AT_ONCE):
        sums[currency].add(account, amount, entry, kind, reference)
    entries = PointEntry.objects.using(using).order_by("member_id", "seq")
    points = _Sum()
    for member, seq, worth, balance in entries.values_list(
        "member_id", "seq", "amount", "balance_after"
    ).iterator(AT_ONCE):
        points.add("points", worth, member, seq, balance)
    return {**{name: sums[name].ledger for name in sorted(sums)}, "points": points.ledger}
