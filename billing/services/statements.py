"""How does the statement of a gateway come in?

No network is asked inside a transaction.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta

import structlog
from django.db import transaction

from billing.choices import StatementSource
from billing.errors import (
    DayNotOver,
    DecidedLineGone,
    GatewayAway,
    UnknownGateway,
    UnreadableStatement,
    WrongState,
)
from billing.gateways import base
from billing.gateways.registry import enabled, gateway_of
from billing.models import Settlement, StatementLine
from billing.rules import statements as rules
from billing.services.matching import lock_days, match_day, open_day
from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import DomainError
from medbook.locks import retry_on_conflict
from members.models import User

log = structlog.get_logger(__name__)


def import_statement(
    *, gateway: str, day: date, content: bytes | None, by: User | None, now: datetime
) -> Settlement:
    """Take in the statement of a day, from the gateway or from a file, and match it.

    Again, its lines replace those of a settlement that is open.
    Raises: UnknownGateway, DayNotOver, GatewayAway, UnreadableStatement, DecidedLineGone,
    WrongState.
    """
    if gateway not in enabled():
        raise UnknownGateway()
    if day > clock.site_date(now):
        raise DayNotOver()
    lines = _read(gateway, day, content)
    source = StatementSource.API if content is None else StatementSource.FILE
    return _take(gateway, day, lines, source, by, now)


def import_due_statements(*, now: datetime) -> int:
    """Fetch yesterday's statements that nobody has imported; tell how many came."""
    yesterday = clock.site_date(now) - timedelta(days=1)
    known = Settlement.objects.filter(day=yesterday, fetched_at__isnull=False)
    came = 0
    for gateway in set(enabled()) - set(known.values_list("gateway", flat=True)):
        try:
            import_statement(gateway=gateway, day=yesterday, content=None, by=None, now=now)
        except DomainError as refusal:
            log.warning("statement.not_imported", gateway=gateway, code=refusal.code)
        else:
            came += 1
    return came


def _read(gateway: str, day: date, content: bytes | None) -> list[base.Line]:
    adapter = gateway_of(gateway)
    try:
        lines = adapter.statement(day) if content is None else adapter.read_statement(content)
    except (base.GatewayAway, base.GatewayRefused) as silence:
        raise GatewayAway(retry_after=60) from silence
    except base.StatementUnreadable as wrong:
        raise UnreadableStatement(line=wrong.line, why=wrong.why) from wrong
    header = 0 if content is None else 1
    for number, line in enumerate(lines, 1 + header):
        if why := rules.what_is_wrong(line, day):
            raise UnreadableStatement(line=number, why=why)
    return lines


@retry_on_conflict
@transaction.atomic(durable=True)
def _take(
    gateway: str,
    day: date,
    lines: list[base.Line],
    source: StatementSource,
    by: User | None,
    now: datetime,
) -> Settlement:
    settlement = open_day(gateway, day)
    lock_days(gateway)
    settlement.refresh_from_db()
    if not settlement.is_open:
        raise WrongState(state=settlement.get_state_display())
    _replace_lines(settlement, lines)
    settlement.source = source
    settlement.fetched_at = now
    settlement.save(update_fields=["fetched_at", "source"])
    match_day(settlement)
    facts = {
        "gateway": gateway,
        "day": day.isoformat(),
        "source": source,
        "lines": len(lines),
        "open": settlement.differences.filter(resolution="").count(),
    }
    record_event(Action.STATEMENT_IMPORTED, subject=settlement, by=by, facts=facts)
    return settlement


def _replace_lines(settlement: Settlement, lines: list[base.Line]) -> None:
    """Keep the lines that come again, with what was decided about them; replace the others."""
    decided = set(settlement.differences.exclude(resolution="").values_list("line_id", flat=True))
    known: defaultdict[tuple[object, ...], list[StatementLine]] = defaultdict(list)
    rows = settlement.lines.filter(carried_from=None)
    for row in sorted(rows, key=lambda row: row.pk in decided):
        known[_content(row)].append(row)
    moved, new = [], []
    for number, line in enumerate(lines, 1):
        row = StatementLine(
            settlement=settlement,
            number=number,
            kind=line.kind.value,
            our_number=line.number,
            transaction=line.transaction,
            amount=line.amount,
            currency=line.currency,
            at=line.at,
            fee=line.fee,
        )
        if same := known[_content(row)]:
            kept = same.pop()
            kept.number = number
            moved.append(kept)
        else:
            new.append(row)
    gone = [row for rows in known.values() for row in rows]
    if lost := next((row for row in gone if row.pk in decided), None):
        raise DecidedLineGone(number=lost.our_number or lost.transaction)
    settlement.differences.filter(line__in=gone).delete()
    StatementLine.objects.filter(pk__in=[row.pk for row in gone]).delete()
    StatementLine.objects.bulk_update(moved, ["number"], batch_size=500)
    StatementLine.objects.bulk_create(new, batch_size=500)


def _content(row: StatementLine) -> tuple[object, ...]:
    return row.kind, row.our_number, row.transaction, row.amount, row.currency, row.at, row.fee
