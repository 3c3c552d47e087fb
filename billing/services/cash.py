"""How is the desk's cash counted?"""

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from billing.choices import Account, EntryKind
from billing.errors import BadCash, CashMoved, NoteRequired
from billing.models import CashCount
from billing.rules.cash import is_cash, postings
from billing.selectors.settling import expected_cash
from billing.services.journal import post
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import conflict_as, retry_on_conflict
from members.models import User


@retry_on_conflict
@transaction.atomic(durable=True)
def count_cash(
    *,
    counted: Decimal,
    kept: Decimal,
    seen: Decimal,
    note: str,
    by: User,
    now: datetime,
) -> CashCount:
    """Note what lay in the drawer and what stays there; the rest is taken to the bank.

    `seen` is what was expected as the counting began. Raises: BadCash, CashMoved, NoteRequired.
    """
    if not (is_cash(counted) and is_cash(kept) and kept <= counted):
        raise BadCash()
    expected = expected_cash()
    if expected != seen:
        raise CashMoved()
    difference = counted - expected
    if difference and not note.strip():
        raise NoteRequired()
    count = CashCount(
        number=(CashCount.objects.aggregate(last=Max("number"))["last"] or 0) + 1,
        counted_at=now,
        currency=settings.CURRENCY,
        counted=counted,
        expected=expected,
        difference=difference,
        kept=kept,
        note=note.strip(),
        by=by,
    )
    count.entry = post(
        EntryKind.CASH_COUNTED,
        reference=f"cash_count:{count.uid}",
        currency=count.currency,
        postings=[
            (Account(account), amount)
            for account, amount in postings(counted=counted, kept=kept, expected=expected).items()
        ],
        at=now,
        note=count.note,
        by=by,
    )
    with conflict_as({"one_cash_count_per_number": CashMoved}):
        count.save()
    facts = {"counted": str(counted), "difference": str(difference), "kept": str(kept)}
    record_event(Action.CASH_COUNTED, subject=count, by=by, reason=count.note, facts=facts)
    return count
