"""Do insurers pay what they have accepted? Their statements, line by line against our claims."""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from billing.choices import ClaimState, StatementDifference
from billing.errors import InsurerAway
from billing.gateways.base import GatewayAway, GatewayRefused
from billing.insurers.base import Line, LineKind
from billing.insurers.registry import insurer_of
from billing.models import Claim, Invoice
from billing.services.journal import post_claim_paid, reverse_claim_paid
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, retry_on_conflict


@dataclass(frozen=True)
class Difference:
    """One claim of which an insurer's statement says something else than we do."""

    why: StatementDifference
    reference: str  # ours where we have one, else the number on the statement
    ours: Decimal | None = None
    theirs: Decimal | None = None


def check_statement(*, insurer: str, day: date, now: datetime) -> list[Difference]:
    """Note what an insurer says it has paid on a day, and return where it differs from our claims.

    Checked again, nothing is noted twice. Raises: InsurerAway.
    """
    try:
        lines = insurer_of(insurer).statement(day)
    except (GatewayAway, GatewayRefused) as silence:
        raise InsurerAway(retry_after=60) from silence
    return _compare(insurer, lines, day, now)


@retry_on_conflict
@transaction.atomic(durable=True)
def _compare(insurer: str, lines: Sequence[Line], day: date, now: datetime) -> list[Difference]:
    claims = _locked_claims(insurer, lines, day)
    differences, seen = [], set()
    for line in sorted(lines, key=lambda line: line.kind):  # claims before reversals
        claim = claims.get(line.number)
        is_double = (line.kind, line.number) in seen
        seen.add((line.kind, line.number))
        why = StatementDifference.MISSING_HERE if is_double else _misfit(line, claim)
        if claim is None or why:
            differences.append(_difference(why, line, claim))
        elif line.kind == LineKind.CLAIM:
            _note_paid(claim, line)
        else:
            _note_paid_back(claim, line)
    told = {number for kind, number in seen if kind == LineKind.CLAIM}
    for claim in claims.values():
        if claim.number not in told and _is_awaited(claim, day):
            missing = StatementDifference.MISSING_THERE
            differences.append(Difference(missing, claim.reference, claim.borne))
    return differences


def _difference(why: StatementDifference | None, line: Line, claim: Claim | None) -> Difference:
    why = why or StatementDifference.MISSING_HERE
    if claim is None:
        return Difference(why, line.number, None, line.amount)
    return Difference(why, claim.reference, claim.borne, line.amount)


def _misfit(line: Line, claim: Claim | None) -> StatementDifference | None:
    if claim is None or (line.kind == LineKind.REVERSAL and not _may_go_back(claim)):
        return StatementDifference.MISSING_HERE
    if line.amount != claim.accepted or line.currency != claim.invoice.currency:
        return StatementDifference.AMOUNT
    return None


def _may_go_back(claim: Claim) -> bool:
    return claim.state == ClaimState.REVERSED and claim.paid_at is not None


def _note_paid(claim: Claim, line: Line) -> None:
    if claim.paid_at is None:
        claim.paid_at = line.at
        claim.save(update_fields=["paid_at"])
        post_claim_paid(claim, line.at)
        record_event(Action.CLAIM_PAID, subject=claim, facts={"amount": str(line.amount)})


def _note_paid_back(claim: Claim, line: Line) -> None:
    if claim.paid_back_at is None:
        claim.paid_back_at = line.at
        claim.save(update_fields=["paid_back_at"])
        reverse_claim_paid(claim, line.at)
        record_event(Action.CLAIM_PAID, subject=claim, facts={"amount": str(-line.amount)})


def _is_awaited(claim: Claim, day: date) -> bool:
    """Tell whether a claim that was accepted on a day should have been paid with that day."""
    _begin, end = _bounds(day)
    is_gone = claim.reversed_at is not None and claim.reversed_at < end
    return bool(claim.accepted) and claim.paid_at is None and not is_gone


def _locked_claims(insurer: str, lines: Sequence[Line], day: date) -> dict[str, Claim]:
    """Find the claims of a statement and those accepted on its day, with their invoices locked."""
    begin, end = _bounds(day)
    named = []
    for line in lines:
        with suppress(ValueError):
            named.append(uuid.UUID(hex=line.number))
    ours = Claim.objects.filter(policy__plan__insurer=insurer)
    accepted = ours.filter(answered_at__gte=begin, answered_at__lt=end, accepted__gt=0)
    ids = set((ours.filter(uid__in=named) | accepted).values_list("invoice_id", flat=True))
    invoices = {row.pk: row for row in _locked_invoices(ids)}
    found = (ours.filter(uid__in=named) | accepted).order_by("id")
    claims = {claim.number: claim for claim in found if claim.invoice_id in invoices}
    for claim in claims.values():
        claim.invoice = invoices[claim.invoice_id]
    return claims


def _locked_invoices(ids: set[int]) -> list[Invoice]:
    return list(lock(Invoice.objects.filter(id__in=ids).order_by("id"), Rung.INVOICE))


def _bounds(day: date) -> tuple[datetime, datetime]:
    begin = datetime.combine(day, time(), ZoneInfo(settings.TIME_ZONE)).astimezone(UTC)
    return begin, begin + timedelta(days=1)
