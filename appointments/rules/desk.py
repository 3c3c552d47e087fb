"""What may the front desk sell, and when? Pure policy."""

from datetime import datetime, timedelta
from enum import StrEnum


class DeskSale(StrEnum):
    """What of a published session the front desk may give."""

    NOTHING = "nothing"
    KEPT = "kept"  # only what is kept for the desk
    ALL = "all"


def desk_sale(*, release_at: datetime, ends_at: datetime, now: datetime) -> DeskSale:
    """Tell what the desk sells: its own places before the release, all places until the end.

    Members' sale stops the day before; somebody on the telephone is still served.
    Source: docs/flows/desk.md.
    """
    if now >= ends_at:
        return DeskSale.NOTHING
    return DeskSale.ALL if now >= release_at else DeskSale.KEPT


def extra_place(
    *, starts_at: datetime, ends_at: datetime, length: timedelta, now: datetime
) -> tuple[datetime, datetime]:
    """Tell from when until when a place lies that is added for somebody who is here now.

    It begins with the minute, or with the session, and ends with the session at the latest.
    Source: docs/flows/desk.md.
    """
    start = max(now.replace(second=0, microsecond=0), starts_at)
    return start, min(start + length, ends_at)
