"""Which kinds of privileges are there, and how is a value read and said?"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

FRACTION_DIGITS = 4
DAY_IN_MINUTES = 24 * 60
PERCENT = ("fee", "places")  # units of which a value is a part

PRIVILEGE_TYPES: dict[str, Callable[[str], Any]] = {
    "rate": Decimal,
    "share": Decimal,
    "count": int,
    "minutes": int,
    "weight": int,
    "yes_or_no": lambda text: {"true": True, "false": False}[text.lower()],
}


@dataclass(frozen=True)
class PrivilegeKind:
    """One thing that tiers may differ in: its type, and the value where a tier says nothing."""

    key: str
    type: str
    default: str
    label: str | Promise
    unit: str = ""
    at_least: Decimal = Decimal(0)
    at_most: Decimal = Decimal(1)

    def read(self, text: str) -> Any:
        """Read a stored value. Raises: ValueError for a wrong type or a value out of range."""
        try:
            value = PRIVILEGE_TYPES[self.type](text.strip())
            is_out = not self.at_least <= value <= self.at_most
            is_long = value != round(value, FRACTION_DIGITS)
        except (ArithmeticError, KeyError, ValueError) as wrong:
            raise ValueError(f"{self.key}: {text!r} is not a {self.type}") from wrong
        if is_out or is_long:
            raise ValueError(f"{self.key}: {text!r} is out of range")
        return value

    def written(self, text: str) -> str:
        """Give a value the one spelling in which it is stored. Raises: ValueError, as `read`."""
        value = self.read(text)
        if self.type == "yes_or_no":
            return str(value).lower()
        return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)

    def shown(self, value: Any) -> str | Promise:
        """Say a value in words, as the table of benefits does."""
        if self.type == "yes_or_no":
            return _("Yes") if value else _("No")
        if self.unit in PERCENT:
            return f"{(value * 100).normalize():f} %"
        if self.type == "minutes":
            return format_lazy(_("{count} min"), count=value) if value else _("No")
        return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)

    @property
    def asked(self) -> str | Promise:
        """Say what may be written for a value, as the form does."""
        if self.type == "yes_or_no":
            return _("true or false")
        least, most = f"{self.at_least:f}", f"{self.at_most:f}"
        if self.type in ("rate", "share"):
            return format_lazy(
                _("a number from {least} to {most}, such as 0.9"), least=least, most=most
            )
        return format_lazy(_("a whole number from {least} to {most}"), least=least, most=most)


# Source: the tier agreement; defaults are those of the entry tier. A value is data, a kind is code.
PRIVILEGES: dict[str, PrivilegeKind] = {
    kind.key: kind
    for kind in (
        PrivilegeKind(
            "discount_rate", "rate", "1", _("Share of the fee to pay"), "fee", Decimal("0.01")
        ),
        PrivilegeKind(
            "early_access_minutes",
            "minutes",
            "0",
            _("Books earlier, minutes"),
            "minutes",
            at_most=Decimal(7 * DAY_IN_MINUTES),
        ),
        PrivilegeKind(
            "reserved_quota_share", "share", "0", _("Share of places reserved"), "places"
        ),
        PrivilegeKind("can_cancel_late", "yes_or_no", "false", _("May cancel late")),
        PrivilegeKind(
            "free_reschedules",
            "count",
            "2",
            _("Free changes of time"),
            "changes",
            at_most=Decimal(100),
        ),
        PrivilegeKind(
            "points_rate",
            "rate",
            "1",
            _("Points per yuan"),
            "points_per_yuan",
            at_most=Decimal(100),
        ),
        PrivilegeKind(
            "open_bookings_limit",
            "count",
            "6",
            _("Open appointments at once"),
            "appointments",
            at_most=Decimal(100),
        ),
        PrivilegeKind(
            "waitlist_weight",
            "weight",
            "1",
            _("Weight on the waitlist"),
            "weight",
            Decimal(1),
            Decimal(1000),
        ),
        PrivilegeKind(
            "queue_weight",
            "weight",
            "1",
            _("Weight in the queue"),
            "weight",
            Decimal(1),
            Decimal(1000),
        ),
        PrivilegeKind(
            "draw_tickets",
            "count",
            "1",
            _("Tickets in a draw"),
            "tickets",
            Decimal(1),
            Decimal(100),
        ),
        PrivilegeKind("pay_at_desk", "yes_or_no", "true", _("May pay at the clinic")),
    )
}
