"""What does the sandbox insurer bear, take back and report? It lives in the bank's house."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from billing.sandbox.choices import ClaimBehaviour, ClaimState
from billing.sandbox.errors import NumberReused
from billing.sandbox.models import SandboxClaim
from billing.sandbox.selectors import bounds, console
from medbook import money

NOT_COVERED = "Not covered by this policy"
NOTHING = Decimal(0)


def open_claim(
    *, number: str, amount: Decimal, now: datetime, **said: Any
) -> tuple[SandboxClaim, bool]:
    """Decide about a claim, or find it by its number. Raises: NumberReused."""
    behaviour = console().claim_behaviour
    borne = {
        ClaimBehaviour.PART: money.rounded(amount / 2),
        ClaimBehaviour.REJECT: NOTHING,
    }.get(ClaimBehaviour(behaviour), amount)
    is_late = behaviour == ClaimBehaviour.LATE
    claim, is_new = SandboxClaim.objects.get_or_create(
        number=number,
        defaults={
            "amount": amount,
            "borne": borne,
            "message": "" if borne == amount else NOT_COVERED,
            "created_at": now,
            "decided_at": now + timedelta(seconds=console().late_seconds if is_late else 0),
            **said,
        },
    )
    if claim.reversed_at is None and claim.amount != amount:
        raise NumberReused
    return claim, is_new


@transaction.atomic
def take_back(*, number: str, now: datetime) -> SandboxClaim:
    """Reverse a claim, once; one that comes later finds itself reversed."""
    claim, _is_new = SandboxClaim.objects.select_for_update().get_or_create(
        number=number, defaults={"created_at": now, "decided_at": now, "reversed_at": now}
    )
    if claim.reversed_at is None:
        claim.reversed_at = now
        claim.save(update_fields=["reversed_at"])
    return claim


def told_claim(claim: SandboxClaim, *, now: datetime) -> dict[str, Any]:
    """Say what programs hear of a claim."""
    state = claim.state_at(now)
    is_decided = state != ClaimState.PROCESSING
    borne = claim.borne if state == ClaimState.ACCEPTED else NOTHING
    return {
        "number": claim.number,
        "state": state.value,
        "amount": f"{claim.amount:.2f}",
        "accepted": f"{borne:.2f}",
        "currency": claim.currency,
        "transaction": claim.uid.hex if is_decided else "",
        "decided_at": claim.decided_at.isoformat() if is_decided else None,
        "message": claim.message if is_decided else "",
    }


def claim_statement(day: date, *, now: datetime) -> list[dict[str, str]]:
    """List what was paid for claims of a day, and what of earlier days was taken back on it."""
    begin, end = bounds(day, now)
    return list(_lines(begin, end))


def _lines(begin: datetime, end: datetime) -> Iterator[dict[str, str]]:
    borne = SandboxClaim.objects.filter(borne__gt=0).order_by("id")
    for claim in borne.filter(decided_at__gte=begin, decided_at__lt=end):
        if claim.reversed_at is None or claim.reversed_at >= end:
            yield _line("claim", claim, claim.decided_at)
    for claim in borne.filter(decided_at__lt=begin, reversed_at__gte=begin, reversed_at__lt=end):
        yield _line("reversal", claim, claim.reversed_at or begin)


def _line(kind: str, claim: SandboxClaim, at: datetime) -> dict[str, str]:
    return {
        "kind": kind,
        "number": claim.number,
        "transaction": claim.uid.hex,
        "amount": f"{claim.borne:.2f}",
        "currency": claim.currency,
        "at": at.isoformat(),
    }
