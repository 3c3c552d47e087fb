"""Which money is to be settled, and what of it is open?"""

import uuid
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.choices import (
    DESK_GATEWAYS,
    Account,
    Gateway,
    MovementKind,
    PaymentState,
    RefundState,
    Resolution,
    SettlementState,
)
from billing.models import CashCount, Difference, Payment, Posting, Refund, Settlement
from billing.models import StatementLine as Line
from billing.rules.matching import Movement, Told
from billing.selectors import Staff
from medbook import clock

DAYS_SHOWN = 30
NOTHING = Decimal(0)
# Of payments and of refunds: when they moved, and the state in which they have.
MOVED = {
    MovementKind.PAYMENT: ("captured_at", PaymentState.CAPTURED),
    MovementKind.REFUND: ("settled_at", RefundState.SUCCEEDED),
}


def day_bounds(first: date, last: date | None = None) -> tuple[datetime, datetime]:
    """Tell when days of the site begin, and when the day after them does."""
    zone = ZoneInfo(settings.TIME_ZONE)
    days = (first, (last or first) + timedelta(days=1))
    begin, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in days)
    return begin, end


def at_gateway(gateway: str) -> dict[MovementKind, QuerySet[Payment] | QuerySet[Refund]]:
    """Keep what was paid through a gateway, and what went back through it."""
    return {
        MovementKind.PAYMENT: Payment.objects.filter(gateway=gateway),
        MovementKind.REFUND: Refund.objects.filter(payment__gateway=gateway),
    }


def told(line: Line) -> Told:
    """Hand a line to the rules."""
    kind = MovementKind(line.kind)
    return Told(line.pk, kind, line.our_number, line.transaction, line.amount)


def movements(settlement: Settlement, lines: Collection[Line]) -> list[Movement]:
    """List our money of a day, what closed days have left over, and what these lines name.

    What was reversed here counts as settled: a line that names it after all comes on top.
    """
    _begin, end = day_bounds(settlement.day)
    closed = set(
        Settlement.objects.filter(
            gateway=settlement.gateway, state=SettlementState.CLOSED
        ).values_list("day", flat=True)
    )
    reversed_here = settlement.differences.filter(resolution=Resolution.REVERSE)
    put_back = {
        MovementKind.PAYMENT: set(reversed_here.values_list("payment_id", flat=True)),
        MovementKind.REFUND: set(reversed_here.values_list("refund_id", flat=True)),
    }
    found = []
    for kind, rows in at_gateway(settlement.gateway).items():
        moved_at, done = MOVED[kind]
        numbers, transactions = _names(kind, lines)
        is_left = Q(settlement=None, state=done, **{f"{moved_at}__lt": end})
        is_named = Q(uid__in=numbers) | Q(transaction__in=transactions)
        for row in rows.filter(is_left | is_named).annotate(moved_at=F(moved_at)):
            day = clock.site_date(row.moved_at) if row.moved_at else None
            is_of_here = row.uid in numbers or row.transaction in transactions
            if not (is_of_here or day == settlement.day or day in closed):
                continue
            found.append(
                Movement(
                    key=row.pk,
                    kind=kind,
                    number=row.number,
                    transaction=row.transaction,
                    amount=row.amount,
                    is_done=row.state == done,
                    is_settled=row.settlement_id is not None or row.pk in put_back[kind],
                )
            )
    return found


def _names(kind: MovementKind, lines: Collection[Line]) -> tuple[set[uuid.UUID], set[str]]:
    """Read whom lines are about: by our number, and by the gateway's where they have none."""
    numbers, transactions = set(), set()
    for line in lines:
        if line.kind != kind:
            continue
        if not line.our_number:
            transactions.add(line.transaction)
            continue
        try:
            numbers.add(uuid.UUID(hex=line.our_number))
        except ValueError:
            continue  # no number of ours
    return numbers, transactions - {""}


@dataclass
class Sums:
    """What came in and went back, and what the gateway kept."""

    payments: Decimal = NOTHING
    refunds: Decimal = NOTHING
    fees: Decimal = NOTHING

    @property
    def gross(self) -> Decimal:
        """What stays before fees."""
        return self.payments - self.refunds

    @property
    def net(self) -> Decimal:
        """What arrives at the bank."""
        return self.gross - self.fees


def counted_lines(settlement: Settlement) -> QuerySet[Line]:
    """Keep the lines that a settlement contains: all but those left to the next day."""
    left = settlement.differences.filter(resolution=Resolution.NEXT_DAY, line__isnull=False)
    return settlement.lines.exclude(pk__in=left.values("line"))


def theirs(settlement: Settlement) -> Sums:
    """Sum up what a statement says."""
    sums = Sums()
    for kind, amount, fee in (
        counted_lines(settlement)
        .values_list("kind")
        .annotate(amount=Sum("amount"), charged=Sum("fee"))
    ):
        if kind == MovementKind.PAYMENT:
            sums.payments += amount
        else:
            sums.refunds += amount
        sums.fees += fee
    return sums


def ours_of(settlement: Settlement) -> Sums:
    """Sum up what our books have for a settlement: what it contains, or would if it were closed."""
    sums = Sums()
    if settlement.is_open:
        rows = [
            (each.kind, each.amount)
            for each in movements(settlement, settlement.lines.all())
            if each.is_done and not each.is_settled
        ]
    else:
        paid = settlement.payments.values_list("amount", flat=True)
        back = settlement.refunds.values_list("amount", flat=True)
        rows = [(MovementKind.PAYMENT, amount) for amount in paid]
        rows += [(MovementKind.REFUND, amount) for amount in back]
    sums.payments = sum((a for kind, a in rows if kind == MovementKind.PAYMENT), NOTHING)
    sums.refunds = sum((a for kind, a in rows if kind == MovementKind.REFUND), NOTHING)
    return sums


@dataclass
class Day:
    """One day at one gateway: what we noted, and how far its settlement is."""

    gateway: str
    day: date
    ours: Sums = field(default_factory=Sums)
    settlement: Settlement | None = None
    lines: int = 0
    open: int = 0
    theirs: Sums = field(default_factory=Sums)

    @property
    def name(self) -> str:
        """What the gateway is called."""
        return str(Gateway(self.gateway).label)

    @property
    def is_missing(self) -> bool:
        """Tell whether no statement was imported yet."""
        return self.settlement is None or self.settlement.fetched_at is None


def shown_gateways() -> list[str]:
    """List the gateways that are settled day by day: those switched on, and those once used."""
    used = Payment.objects.exclude(gateway__in=DESK_GATEWAYS).values_list("gateway", flat=True)
    settled = Settlement.objects.values_list("gateway", flat=True)
    return sorted({*settings.PAYMENT_GATEWAYS, *used.distinct(), *settled.distinct()})


def ours(gateway: str, first: date, last: date) -> dict[date, Sums]:
    """Sum up our money at a gateway by the day on which it moved. Two queries."""
    begin, end = day_bounds(first, last)
    sums: defaultdict[date, Sums] = defaultdict(Sums)
    for kind, rows in at_gateway(gateway).items():
        moved_at, done = MOVED[kind]
        within = {"state": done, f"{moved_at}__gte": begin, f"{moved_at}__lt": end}
        for at, amount in rows.filter(**within).values_list(moved_at, "amount"):
            day = sums[clock.site_date(at)]
            if kind == MovementKind.PAYMENT:
                day.payments += amount
            else:
                day.refunds += amount
    return dict(sums)


def days(now: datetime) -> list[Day]:
    """List the last days at each gateway on which money moved or a statement came, latest first.

    Yesterday of a gateway that is switched on always stands there.
    """
    today = clock.site_date(now)
    first, yesterday = today - timedelta(days=DAYS_SHOWN), today - timedelta(days=1)
    found: dict[tuple[date, str], Day] = {}
    for gateway in shown_gateways():
        for day, sums in ours(gateway, first, today).items():
            found[day, gateway] = Day(gateway, day, sums)
        if gateway in settings.PAYMENT_GATEWAYS:
            found.setdefault((yesterday, gateway), Day(gateway, yesterday))
    for settlement in Settlement.objects.filter(day__gte=first):
        key = (settlement.day, settlement.gateway)
        day_found = found.setdefault(key, Day(settlement.gateway, settlement.day))
        day_found.settlement = settlement
        day_found.lines = settlement.lines.count()
        day_found.open = settlement.differences.filter(resolution="").count()
        day_found.theirs = theirs(settlement)
    return [found[key] for key in sorted(found, reverse=True)]


def settlement_of(gateway: str, day: date) -> Settlement | None:
    """Find the settlement of a day at a gateway."""
    rows = Settlement.objects.select_related("closed_by", "entry")
    return rows.filter(gateway=gateway, day=day).first()


def settlements() -> QuerySet[Settlement]:
    """Keep all days at gateways, each with how many of its differences are to be decided."""
    is_open = Q(differences__resolution="")
    return Settlement.objects.annotate(open_differences=Count("differences", filter=is_open))


def differences_of(settlement: Settlement) -> QuerySet[Difference]:
    """List the differences of a settlement, open ones first, with what they are about."""
    rows = settlement.differences.select_related(
        "line", "payment__invoice", "refund__payment__invoice", "resolved_by", "entry"
    )
    return rows.order_by(F("resolved_at").asc(nulls_first=True), "id")


def matched_lines(settlement: Settlement) -> QuerySet[Line]:
    """List the lines that agree with our books."""
    rows = settlement.lines.exclude(payment=None, refund=None)
    return rows.select_related("payment__invoice", "refund").order_by("number")


def desk_balance(account: Account) -> Decimal:
    """Tell what the desk has in cash or by card, as far as the journal knows (one query)."""
    return _sum(_postings_of(account))


@dataclass(frozen=True)
class DeskMoney:
    """What is expected at the desk, and how it came to be so since the last count."""

    expected: Decimal
    last: CashCount | None
    came_in: Decimal
    went_out: Decimal


def desk_money(account: Account) -> DeskMoney:
    """Tell what the desk is about to count (four queries)."""
    last = counts_of(account).first()
    since = _postings_of(account)
    if last is not None:
        since = since.filter(entry__recorded_at__gt=last.counted_at)
        since = since.exclude(entry_id=last.entry_id)
    return DeskMoney(
        desk_balance(account),
        last,
        _sum(since.filter(amount__gt=0)),
        -_sum(since.filter(amount__lt=0)),
    )


def counts_of(account: Account) -> QuerySet[CashCount]:
    """List what the desk has counted of an account, latest first."""
    return CashCount.objects.filter(account=account).select_related("by").order_by("-number")


def _postings_of(account: Account) -> QuerySet[Posting]:
    return Posting.objects.filter(account=account, entry__currency=settings.CURRENCY).order_by()


def _sum(postings: QuerySet[Posting]) -> Decimal:
    return postings.aggregate(sum=Sum("amount"))["sum"] or NOTHING


def open_differences(*, by: Staff, now: datetime) -> str | None:
    """Say how many differences wait for a decision by this person. One query."""
    if not by.has_perm("billing.settle"):
        return None
    count = Difference.objects.filter(resolution="").count()
    if not count:
        return None
    return ngettext(
        "%(count)d difference with a gateway waits for a decision.",
        "%(count)d differences with gateways wait for a decision.",
        count,
    ) % {"count": count}


def unclosed_yesterday(*, by: Staff, now: datetime) -> str | None:
    """Say at which gateways yesterday is not closed. One query."""
    if not by.has_perm("billing.settle") or not settings.PAYMENT_GATEWAYS:
        return None
    yesterday = clock.site_date(now) - timedelta(days=1)
    closed = Settlement.objects.filter(day=yesterday, state=SettlementState.CLOSED)
    waiting = sorted(set(settings.PAYMENT_GATEWAYS) - set(closed.values_list("gateway", flat=True)))
    if not waiting:
        return None
    names = ", ".join(str(Gateway(code).label) for code in waiting)
    return _("Yesterday is not settled yet: %(names)s.") % {"names": names}
