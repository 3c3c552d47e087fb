"""Do a department's rules of release, sale and reserved places go together? Pure policy."""

from datetime import time

from scheduling.rules.reserves import ReserveRules
from scheduling.rules.sessions import SaleRules


def contradictions(*, horizon_days: int, sale: SaleRules, reserve: ReserveRules) -> list[str]:
    """Name the fields whose moments come in a wrong order.

    Schedules are made no later than they are released, released before the sale stops, and their
    reserved places fall to all no later than that. Source: docs/flows/release.md.
    """
    stops = _order(sale.sale_stops_days_before, sale.sale_stops_time)
    wrong = []
    if horizon_days < sale.release_days_ahead:
        wrong.append("horizon_days")
    if _order(sale.release_days_ahead, sale.release_time) >= stops:
        wrong.append("sale_stops_time")
    if _order(reserve.days_before, reserve.at) > stops:
        wrong.append("reserved_time")
    return wrong


def _order(days_before: int, at: time) -> tuple[int, time]:
    """Order moments as they come: more days before is earlier."""
    return (-days_before, at)
