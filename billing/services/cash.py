"""How are the desk's cash and its card terminal counted?"""

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from billing.choices import Account, EntryKind
from billing.errors import BadCardTotal, BadCash, CashMoved, NoteRequired
from billing.models import CashCount
from billing.rules.cash import is_card_total, is_cash, postings
from billing.selectors.settling import desk_balance
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
    count = CashCount(
        account=Account.DESK_CASH, counted=counted, kept=kept, note=note, by=by, counted_at=now
    )
    return _book(count, seen)


@retry_on_conflict
@transaction.atomic(durable=True)
def note_card_total(
    *, total: Decimal, seen: Decimal, note: str, by: User, now: datetime
) -> CashCount:
    """Note the total that the card terminal's closing slip says; all of it goes to the bank.

    `seen` is what was expected as the page was opened; a total is negative where more went back
    than came in. Raises: BadCardTotal, CashMoved, NoteRequired.
    """
    if not is_card_total(total):
        raise BadCardTotal()
    count = CashCount(
        account=Account.DESK_CARD, counted=total, kept=Decimal(0), note=note, by=by, counted_at=now
    )
    return _book(count, seen)


def _book(count: CashCount, seen: Decimal) -> CashCount:
    """Compare a count with the journal, enter what moves, and keep it."""
    account = Account(count.account)
    # The number before the balance: a count that comes in between has taken this number.
    earlier = CashCount.objects.filter(account=account)
    count.number = (earlier.aggregate(last=Max("number"))["last"] or 0) + 1
    count.expected = desk_balance(account)
    if count.expected != seen:
        raise CashMoved()
    count.difference = count.counted - count.expected
    count.note = count.note.strip()
    if count.difference and not count.note:
        raise NoteRequired()
    count.currency = settings.CURRENCY
    moved = postings(account, counted=count.counted, kept=count.kept, expected=count.expected)
    count.entry = post(
        EntryKind.CASH_COUNTED,
        reference=f"cash_count:{count.uid}",
        currency=count.currency,
        postings=list(moved.items()),
        at=count.counted_at,
        note=count.note,
        by=count.by,
    )
    with conflict_as({"one_count_per_account_and_number": CashMoved}):
        count.save()
    facts = {name: str(getattr(count, name)) for name in ("counted", "difference", "kept")}
    record_event(
        Action.CASH_COUNTED,
        subject=count,
        by=count.by,
        reason=count.note,
        facts={"account": count.account, **facts},
    )
    return count
