"""What of a day at a gateway agrees with its statement, and what does not?"""

from datetime import date
from decimal import Decimal

from django.conf import settings

from billing.choices import DifferenceKind, MovementKind, Resolution, SettlementState
from billing.models import Difference, Settlement, StatementLine
from billing.rules import matching
from billing.selectors.settling import movements, told
from medbook.locks import Rung, lock, require_transaction

Identity = tuple[str, int | None, int | None, int | None, Decimal | None, Decimal | None]


def open_day(gateway: str, day: date) -> Settlement:
    """Find the settlement of a day, or open one."""
    return Settlement.objects.get_or_create(
        gateway=gateway, day=day, defaults={"currency": settings.CURRENCY}
    )[0]


def lock_days(gateway: str) -> list[Settlement]:
    """Lock the days of a gateway that are open: they pass money on to each other."""
    rows = Settlement.objects.filter(gateway=gateway, state=SettlementState.OPEN)
    return list(lock(rows.order_by("day"), Rung.SETTLEMENT))


def match_day(settlement: Settlement) -> None:
    """Note what agrees and what does not; what was decided already is left in peace."""
    require_transaction()
    decided = list(settlement.differences.exclude(resolution=""))
    # Such a line is booked, or left to the next day: it is about nothing any more.
    is_over = {
        each.line_id
        for each in decided
        if each.resolution == Resolution.NEXT_DAY
        or (each.entry_id and each.kind != DifferenceKind.AMOUNT_DIFFERS)
    }
    lines = {line.pk: line for line in settlement.lines.order_by("number")}
    free = [line for pk, line in lines.items() if pk not in is_over]
    found = matching.match(movements(settlement, free), [told(line) for line in free])
    for line in lines.values():
        line.payment_id = line.refund_id = None
    for movement, named in found.pairs:
        is_payment = movement.kind == MovementKind.PAYMENT
        setattr(lines[named.key], "payment_id" if is_payment else "refund_id", movement.key)
    StatementLine.objects.bulk_update(lines.values(), ["payment", "refund"], batch_size=500)
    wanted = {
        _identity(row): row for row in (_difference(settlement, a) for a in found.differences)
    }
    for row in settlement.differences.filter(resolution=""):
        if wanted.pop(_identity(row), None) is None:
            row.delete()
    for row in decided:
        wanted.pop(_identity(row), None)
    Difference.objects.bulk_create(
        sorted(wanted.values(), key=lambda row: (row.kind, row.line_id or 0)), batch_size=500
    )


def _difference(settlement: Settlement, apart: matching.Apart) -> Difference:
    movement, line = apart.movement, apart.line
    is_payment = movement is not None and movement.kind == MovementKind.PAYMENT
    return Difference(
        settlement=settlement,
        kind=apart.kind,
        line_id=line.key if line else None,
        payment_id=movement.key if movement and is_payment else None,
        refund_id=movement.key if movement and not is_payment else None,
        ours=movement.amount if movement else None,
        theirs=line.amount if line else None,
    )


def _identity(row: Difference) -> Identity:
    return row.kind, row.line_id, row.payment_id, row.refund_id, row.ours, row.theirs
