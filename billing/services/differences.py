"""What is done about a difference between a statement and our books?

No network is asked inside a transaction. Whatever is decided only adds rows.
"""

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction

from billing.choices import (
    Account,
    DifferenceKind,
    EntryKind,
    MovementKind,
    PaymentState,
    RefundState,
    Resolution,
)
from billing.errors import GatewayAway, StillOpen, UnknownGateway, WrongState
from billing.gateways import base
from billing.gateways.base import Outcome, PaymentNews, RefundNews
from billing.gateways.registry import enabled, gateway_of
from billing.models import Difference, JournalEntry, Quarantine
from billing.rules import matching
from billing.services.journal import post
from billing.services.matching import lock_days, match_day
from billing.services.payments import note_payment_news
from billing.services.refunds import note_refund_news
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import retry_on_conflict
from members.models import User


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
    lock_days(known.settlement.gateway)
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
    match_day(difference.settlement)
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
    difference: Difference, kind: EntryKind, against: Account, by: User, note: str, now: datetime
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
