"""How is a day at a gateway laid beside its statement, and closed?

No network is asked inside a transaction. What is decided about a difference only adds rows; a
closed day never changes. Order of the steps: docs/flows/settlement.md.
"""

import uuid
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet, Sum

from billing.choices import (
    Account,
    DifferenceKind,
    EntryKind,
    MovementKind,
    PaymentState,
    RefundState,
    Resolution,
    SettlementState,
    StatementSource,
)
from billing.errors import (
    DayNotOver,
    DecidedLineGone,
    DifferencesOpen,
    DoesNotAddUp,
    GatewayAway,
    StillOpen,
    UnknownGateway,
    UnreadableStatement,
    WrongState,
)
from billing.gateways import base
from billing.gateways.base import Outcome, PaymentNews, RefundNews
from billing.gateways.registry import enabled, gateway_of
from billing.models import (
    Difference,
    JournalEntry,
    Payment,
    Posting,
    Quarantine,
    Refund,
    Settlement,
    StatementLine,
)
from billing.rules import matching
from billing.rules import statements as rules
from billing.selectors.settling import counted_lines, movements, theirs, told
from billing.services.journal import post
from billing.services.payments import note_payment_news
from billing.services.refunds import note_refund_news
from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import DomainError, Missing
from medbook.locks import Rung, lock, require_transaction, retry_on_conflict
from members.models import User

log = structlog.get_logger(__name__)

Identity = tuple[str, int | None, int | None, int | None, Decimal | None, Decimal | None]


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
    settlement = _made(gateway, day)
    _lock_days(gateway)
    settlement.refresh_from_db()
    if not settlement.is_open:
        raise WrongState(state=settlement.get_state_display())
    _replace_lines(settlement, lines)
    settlement.source = source
    settlement.fetched_at = now
    settlement.save(update_fields=["fetched_at", "source"])
    _match(settlement)
    facts = {
        "gateway": gateway,
        "day": day.isoformat(),
        "source": source,
        "lines": len(lines),
        "open": settlement.differences.filter(resolution="").count(),
    }
    record_event(Action.STATEMENT_IMPORTED, subject=settlement, by=by, facts=facts)
    return settlement


def _made(gateway: str, day: date) -> Settlement:
    return Settlement.objects.get_or_create(
        gateway=gateway, day=day, defaults={"currency": settings.CURRENCY}
    )[0]


def _lock_days(gateway: str) -> list[Settlement]:
    """Lock the days of a gateway that are open: they pass money on to each other."""
    rows = Settlement.objects.filter(gateway=gateway, state=SettlementState.OPEN)
    return list(lock(rows.order_by("day"), Rung.SETTLEMENT))


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


def _match(settlement: Settlement) -> None:
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


def resolve_difference(
    *, uid: uuid.UUID, resolution: Resolution, by: User, note: str, now: datetime
) -> Difference:
    """Decide about a difference; whatever that means is added, nothing is changed.

    Raises: WrongState where the decision does not fit, StillOpen where it settles nothing,
    GatewayAway, Missing.
    """
    difference = Difference.objects.select_related("line", "settlement").filter(uid=uid).first()
    if difference is None:
        raise Missing()
    _require_fit(difference, resolution)
    if resolution == Resolution.TAKE_IN:
        _tell(difference, now)
    elif resolution == Resolution.ASK:
        _ask(difference, now)
    return _resolve(difference, resolution, by, note, now)


def _require_fit(difference: Difference, resolution: Resolution) -> None:
    if difference.resolution:
        raise WrongState(state=difference.get_resolution_display())
    if resolution not in matching.resolutions(difference.what, difference.movement):
        raise WrongState(state=difference.get_kind_display())


def _tell(difference: Difference, now: datetime) -> None:
    """Take a line in as if the gateway had just told it."""
    line = difference.line
    assert line is not None  # noqa: S101 - whatever can be taken in stands in the statement
    said: dict[str, Any] = {
        "number": line.our_number,
        "outcome": Outcome.SUCCEEDED,
        "transaction": line.transaction,
        "amount": line.amount,
        "currency": line.currency,
        "at": line.at,
    }
    if line.kind == MovementKind.REFUND:
        note_refund_news(news=RefundNews(**said), now=now)
    else:
        gateway = difference.settlement.gateway
        note_payment_news(gateway=gateway, news=PaymentNews(**said), now=now)


def _ask(difference: Difference, now: datetime) -> None:
    """Ask the gateway what became of the money, and take that in."""
    code = difference.settlement.gateway
    if code not in enabled():
        raise UnknownGateway()
    gateway = gateway_of(code)
    try:
        if payment := difference.payment:
            note_payment_news(gateway=code, news=gateway.query(payment.number), now=now)
        elif refund := difference.refund:
            news = gateway.query_refund(refund.number, refund.payment.number)
            note_refund_news(news=news, now=now)
    except (base.GatewayAway, base.GatewayRefused) as silence:
        raise GatewayAway(retry_after=5) from silence


@retry_on_conflict
@transaction.atomic(durable=True)
def _resolve(
    known: Difference, resolution: Resolution, by: User, note: str, now: datetime
) -> Difference:
    _lock_days(known.settlement.gateway)
    difference = (
        Difference.objects.select_related("line", "settlement", "payment", "refund")
        .filter(pk=known.pk)
        .first()
    )
    if difference is None:
        raise Missing()
    _require_fit(difference, resolution)
    difference.entry = _booked(difference, resolution, by, note, now)
    difference.resolution = resolution
    difference.note = note
    difference.resolved_at = now
    difference.resolved_by = by
    difference.save()
    _match(difference.settlement)
    facts = {
        "settlement": str(difference.settlement.uid),
        "kind": difference.kind,
        "resolution": resolution,
        "amount": str(difference.gap) if difference.entry else "0",
    }
    record_event(Action.DIFFERENCE_RESOLVED, subject=difference, by=by, reason=note, facts=facts)
    return difference


def _booked(
    difference: Difference, resolution: Resolution, by: User, note: str, now: datetime
) -> JournalEntry | None:
    """Write what makes the gateway's account agree; nothing where the money is noted by now."""
    match resolution:
        case Resolution.WRITE_OFF:
            return _post(difference, EntryKind.WRITE_OFF, Account.WRITE_OFF, by, note, now)
        case Resolution.REVERSE:
            return _post(difference, EntryKind.REVERSAL, Account.WRITE_OFF, by, note, now)
        case Resolution.NEXT_DAY:
            return None
    if _has_moved(difference):
        return None
    if resolution == Resolution.TAKE_IN and _is_set_apart(difference):
        return _post(difference, EntryKind.CAPTURE, Account.SURPLUS, by, note, now)
    raise StillOpen()


def _has_moved(difference: Difference) -> bool:
    """Tell whether a payment or a refund that was not done is so by now."""
    if difference.kind != DifferenceKind.STATE_DIFFERS:
        return False
    if difference.payment:
        return difference.payment.state == PaymentState.CAPTURED
    return difference.refund is not None and difference.refund.state == RefundState.SUCCEEDED


def _is_set_apart(difference: Difference) -> bool:
    """Tell whether a line's money waits for a decision, and no other line stands for the same."""
    line, gateway = difference.line, difference.settlement.gateway
    assert line is not None  # noqa: S101 - as above
    taken = Difference.objects.filter(
        resolution=Resolution.TAKE_IN,
        entry__isnull=False,
        settlement__gateway=gateway,
        line__our_number=line.our_number,
        line__transaction=line.transaction,
    )
    apart = Quarantine.objects.filter(
        gateway=gateway, number=line.our_number, transaction=line.transaction
    )
    return apart.exists() and not taken.exists()


def _post(
    difference: Difference,
    kind: EntryKind,
    against: Account,
    by: User,
    note: str,
    now: datetime,
) -> JournalEntry | None:
    settlement = difference.settlement
    return post(
        kind,
        reference=f"difference:{difference.uid}",
        currency=settlement.currency,
        postings=[(Account(settlement.gateway), difference.gap), (against, -difference.gap)],
        at=now,
        note=note,
        by=by,
    )


def close_settlement(*, uid: uuid.UUID, by: User, now: datetime) -> Settlement:
    """Book what the gateway pays out for a day, and freeze the day.

    Raises: DifferencesOpen, DayNotOver, DoesNotAddUp, WrongState, Missing.
    """
    match_again(uid=uid)  # so that what has turned up since then is there to be seen
    return _close(uid, by, now)


@retry_on_conflict
@transaction.atomic(durable=True)
def match_again(*, uid: uuid.UUID) -> None:
    """Match a day anew that is open, since our books may have moved on. Raises: Missing."""
    settlement = _locked(uid)
    if settlement.is_open:
        _match(settlement)


@retry_on_conflict
@transaction.atomic(durable=True)
def _close(uid: uuid.UUID, by: User, now: datetime) -> Settlement:
    settlement = _locked(uid)
    if not settlement.is_open or settlement.fetched_at is None:
        raise WrongState(state=settlement.get_state_display())
    if settlement.day >= clock.site_date(now):
        raise DayNotOver()
    _match(settlement)
    if count := settlement.differences.filter(resolution="").count():
        raise DifferencesOpen(count=count)
    payments, refunds = _contents(settlement)
    sums = theirs(settlement)
    if _on_account(settlement, payments, refunds) != sums.gross:
        raise DoesNotAddUp()
    settlement.entry = post(
        EntryKind.SETTLED,
        reference=f"settlement:{settlement.uid}",
        currency=settlement.currency,
        postings=[
            (Account.BANK, sums.net),
            (Account.GATEWAY_FEES, sums.fees),
            (Account(settlement.gateway), -sums.gross),
        ],
        at=now,
        by=by,
    )
    Payment.objects.filter(pk__in=payments).update(settlement=settlement)
    Refund.objects.filter(pk__in=refunds).update(settlement=settlement)
    settlement.payments_total = sums.payments
    settlement.refunds_total = sums.refunds
    settlement.fees_total = sums.fees
    settlement.net = sums.net
    settlement.state = SettlementState.CLOSED
    settlement.closed_at = now
    settlement.closed_by = by
    settlement.save()
    _carry_over(settlement)
    facts = {
        "gateway": settlement.gateway,
        "day": settlement.day.isoformat(),
        "net": str(sums.net),
        "currency": settlement.currency,
        "payments": len(payments),
        "refunds": len(refunds),
    }
    record_event(Action.SETTLEMENT_CLOSED, subject=settlement, by=by, facts=facts)
    return settlement


def _contents(settlement: Settlement) -> tuple[list[int], list[int]]:
    """Lock the payments and refunds that a day contains: what agrees, and what was decided."""
    here = {Resolution.REVERSE, Resolution.WRITE_OFF}
    kinds = {DifferenceKind.MISSING_THERE, DifferenceKind.AMOUNT_DIFFERS}
    decided = settlement.differences.filter(resolution__in=here, kind__in=kinds)
    pairs = [*settlement.lines.values_list("payment", "refund")]
    pairs += decided.values_list("payment", "refund")
    payments = {payment for payment, _refund in pairs if payment}
    refunds = {refund for _payment, refund in pairs if refund}
    paid = Payment.objects.filter(pk__in=payments)
    touched = paid | Payment.objects.filter(refunds__in=refunds)
    ids = touched.order_by().values("pk")
    list(lock(Payment.objects.filter(pk__in=ids).order_by("id"), Rung.PAYMENT))
    return sorted(payments), sorted(refunds)


def _on_account(settlement: Settlement, payments: list[int], refunds: list[int]) -> Decimal:
    """Tell what these movements and decisions have left on the gateway's account."""
    entries = settlement.differences.filter(entry__isnull=False).values("entry")
    decided = Posting.objects.filter(entry__in=entries, account=settlement.gateway)
    paid = _sum(Payment.objects.filter(pk__in=payments))
    back = _sum(Refund.objects.filter(pk__in=refunds))
    return paid - back + _sum(decided)


def _sum(rows: QuerySet[Any]) -> Decimal:
    return rows.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def _carry_over(settlement: Settlement) -> None:
    """Put the lines left to the next day into the next day that is open, and match later days."""
    left = settlement.lines.difference(counted_lines(settlement))
    if lines := list(left):
        following = _following(settlement)
        last = following.lines.aggregate(last=Max("number"))["last"] or 0
        StatementLine.objects.bulk_create(
            StatementLine(
                settlement=following,
                number=last + number,
                kind=line.kind,
                our_number=line.our_number,
                transaction=line.transaction,
                amount=line.amount,
                currency=line.currency,
                at=line.at,
                fee=line.fee,
                carried_from=line,
            )
            for number, line in enumerate(lines, 1)
        )
    later = Settlement.objects.filter(
        gateway=settlement.gateway, state=SettlementState.OPEN, day__gt=settlement.day
    )
    for each in later.order_by("day"):
        _match(each)


def _following(settlement: Settlement) -> Settlement:
    """Find the next day that is open, or open one."""
    later = Settlement.objects.filter(gateway=settlement.gateway, day__gt=settlement.day)
    if following := later.filter(state=SettlementState.OPEN).order_by("day").first():
        return following
    last = later.aggregate(last=Max("day"))["last"] or settlement.day
    return _made(settlement.gateway, last + timedelta(days=1))


def _locked(uid: uuid.UUID) -> Settlement:
    """Lock a settlement, with the days of its gateway that are open. Raises: Missing."""
    known = Settlement.objects.filter(uid=uid).first()
    if known is None:
        raise Missing()
    _lock_days(known.gateway)
    known.refresh_from_db()
    return known
