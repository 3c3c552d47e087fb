"""Which kinds of privileges are there, and how is a value read and said?"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

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
    at_least: Decimal = Decimal(0)
    at_most: Decimal | None = None

    def read(self, text: str) -> Any:
        """Read a stored value. Raises: ValueError for a wrong type or a value out of range."""
        try:
            value = PRIVILEGE_TYPES[self.type](text.strip())
            is_small, is_big = value < self.at_least, value > (self.at_most or value)
        except (ArithmeticError, KeyError, ValueError) as wrong:
            raise ValueError(f"{self.key}: {text!r} is not a {self.type}") from wrong
        if is_small or is_big:
            raise ValueError(f"{self.key}: {text!r} is out of range")
        return value

    def shown(self, value: Any) -> str | Promise:
        """Say a value in words, as the table of benefits does."""
        if self.type == "yes_or_no":
            return _("Yes") if value else _("No")
        if self.type in ("rate", "share"):
            return f"{(value * 100).normalize():f} %"
        if self.type == "minutes":
            return format_lazy(_("{count} min"), count=value) if value else _("No")
        return str(value)


# Source: the tier agreement; defaults are those of the entry tier. A value is data, a kind is code.
PRIVILEGES: dict[str, PrivilegeKind] = {
    kind.key: kind
    for kind in (
        PrivilegeKind(
            "discount_rate", "rate", "1", _("Share of the fee to pay"), Decimal("0.01"), Decimal(1)
        ),
        PrivilegeKind("early_access_minutes", "minutes", "0", _("Books earlier, minutes")),
        PrivilegeKind(
            "reserved_quota_share", "share", "0", _("Share of places reserved"), at_most=Decimal(1)
        ),
        PrivilegeKind("can_cancel_late", "yes_or_no", "false", _("May cancel late")),
        PrivilegeKind("free_reschedules", "count", "2", _("Free changes of time")),
        PrivilegeKind("points_rate", "rate", "1", _("Points per yuan")),
        PrivilegeKind("open_bookings_limit", "count", "6", _("Open appointments at once")),
        PrivilegeKind("waitlist_weight", "weight", "1", _("Weight on the waitlist"), Decimal(1)),
        PrivilegeKind("queue_weight", "weight", "1", _("Weight in the queue"), Decimal(1)),
        PrivilegeKind("draw_tickets", "count", "1", _("Tickets in a draw"), Decimal(1)),
        PrivilegeKind("pay_at_desk", "yes_or_no", "true", _("May pay at the clinic")),
    )
}
