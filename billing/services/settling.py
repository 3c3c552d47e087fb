"""How is a day at a gateway closed?

A closed day never changes. Order of the steps: docs/flows/settlement.md.
"""

import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet, Sum

from billing.choices import Account, DifferenceKind, EntryKind, Resolution, SettlementState
from billing.errors import DayNotOver, DifferencesOpen, DoesNotAddUp, WrongState
from billing.models import Payment, Posting, Refund, Settlement, StatementLine
from billing.selectors.settling import counted_lines, theirs
from billing.services.journal import post
from billing.services.matching import lock_days, match_day, open_day
from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import Rung, lock, retry_on_conflict
from members.models import User


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
        match_day(settlement)


@retry_on_conflict
@transaction.atomic(durable=True)
def _close(uid: uuid.UUID, by: User, now: datetime) -> Settlement:
    settlement = _locked(uid)
    if not settlement.is_open or settlement.fetched_at is None:
        raise WrongState(state=settlement.get_state_display())
    if settlement.day >= clock.site_date(now):
        raise DayNotOver()
    match_day(settlement)
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
        match_day(each)


def _following(settlement: Settlement) -> Settlement:
    """Find the next day that is open, or open one."""
    later = Settlement.objects.filter(gateway=settlement.gateway, day__gt=settlement.day)
    if following := later.filter(state=SettlementState.OPEN).order_by("day").first():
        return following
    last = later.aggregate(last=Max("day"))["last"] or settlement.day
    return open_day(settlement.gateway, last + timedelta(days=1))


def _locked(uid: uuid.UUID) -> Settlement:
    """Lock a settlement, with the days of its gateway that are open. Raises: Missing."""
    known = Settlement.objects.filter(uid=uid).first()
    if known is None:
        raise Missing()
    lock_days(known.gateway)
    known.refresh_from_db()
    return known
