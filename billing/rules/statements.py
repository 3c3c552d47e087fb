"""Can this be a line of a statement of this day?"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from django.conf import settings
from django.utils.translation import gettext as _

from medbook import clock

LONGEST = 64
LARGEST = Decimal("9999999999.99")
A_DAY = timedelta(days=1)


class Line(Protocol):
    """What a gateway tells of one movement."""

    @property
    def number(self) -> str: ...
    @property
    def transaction(self) -> str: ...
    @property
    def amount(self) -> Decimal: ...
    @property
    def fee(self) -> Decimal: ...
    @property
    def currency(self) -> str: ...
    @property
    def at(self) -> datetime: ...


def what_is_wrong(line: Line, day: date) -> str:
    """Say why a line cannot belong to a day's statement; "" where it can."""
    if max(len(line.number), len(line.transaction)) > LONGEST:
        return _("the number is too long")
    if not (line.number + line.transaction).isprintable():
        return _("the number has unprintable characters")
    if line.currency != settings.CURRENCY:
        return _("the currency is not %(currency)s") % {"currency": settings.CURRENCY}
    if not 0 < line.amount <= LARGEST or not 0 <= line.fee <= LARGEST:
        return _("the amount is impossible")
    if abs(clock.site_date(line.at) - day) > A_DAY:
        return _("it is of another day")
    return ""
