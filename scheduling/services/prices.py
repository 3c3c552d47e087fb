"""How do staff change the price list?"""

from datetime import datetime

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import conflict_as, require_transaction
from members.models import User
from scheduling.errors import PastPriceStays, PriceTwice
from scheduling.models import Price

REFUSALS = {"one_price_from_a_day_on": PriceTwice, "past_prices_stay": PastPriceStays}


def write_price(*, row: Price, by: User, now: datetime) -> None:
    """Write a new price, or change one that begins today or later; in the caller's transaction.

    Sessions that were made keep their fee. Raises: PastPriceStays, PriceTwice.
    """
    require_transaction()
    before = Price.objects.select_for_update(no_key=True).filter(pk=row.pk).first()
    if any(each.is_past(now) for each in (before, row) if each):
        raise PastPriceStays()
    with conflict_as(REFUSALS):
        row.save()
    _note(row, by, before=before, after=row)


def remove_price(*, row: Price, by: User, now: datetime) -> None:
    """Remove a price that begins today or later, in the caller's transaction.

    Raises: PastPriceStays.
    """
    require_transaction()
    if row.is_past(now):
        raise PastPriceStays()
    _note(row, by, before=row, after=None)
    with conflict_as(REFUSALS):
        row.delete()


def _note(row: Price, by: User, *, before: Price | None, after: Price | None) -> None:
    facts = {"before": _facts(before), "after": _facts(after)}
    record_event(Action.PRICE_CHANGED, subject=row, by=by, facts=facts)


def _facts(row: Price | None) -> dict[str, str] | None:
    if row is None:
        return None
    return {
        "clinic": row.clinic.code,
        "visit_type": row.visit_type.code,
        "title": row.title,
        "fee": str(row.fee),
        "from": row.valid_from.isoformat(),
    }
