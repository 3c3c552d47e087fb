"""How do staff keep the price list?"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medbook import clock
from members.selectors.people import signed_in
from scheduling.forms import PriceForm
from scheduling.models import Price
from scheduling.selectors.prices import prices_today
from scheduling.services.prices import remove_price, write_price

PAST = _("This price began before today and stays as it is. Add one from today or later instead.")


@admin.register(Price)
class PriceAdmin(admin.ModelAdmin):
    """Prices by clinic, visit type, title and day: the past stays, a new row follows it."""

    form = PriceForm
    list_display = ["clinic", "visit_type", "title", "fee", "valid_from", "is_in_force"]
    list_display_links = ["visit_type"]
    list_filter = ["clinic", "visit_type", "title"]
    date_hierarchy = "valid_from"
    ordering = ["clinic__code", "visit_type__code", "title", "-valid_from"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Price]:
        """Read along which prices hold today."""
        return prices_today(clock.now()).order_by(*self.ordering)

    @admin.display(description=_("in force today"), boolean=True)
    def is_in_force(self, price: Any) -> bool:
        """Tell whether it holds today."""
        return bool(price.is_in_force)

    def get_fieldsets(self, request: HttpRequest, obj: Price | None = None) -> Any:
        """Say of what stays why it cannot be changed."""
        [(_name, options)] = super().get_fieldsets(request, obj)
        return [(None, {**options, "description": PAST if _is_past(obj) else ""})]

    def has_change_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        """Change only what has not begun before today."""
        return super().has_change_permission(request, obj) and not _is_past(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Price | None = None) -> bool:
        """Delete only what has not begun before today."""
        return super().has_delete_permission(request, obj) and not _is_past(obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer no deletion of many rows, which would not look at each."""
        return {}

    def save_model(self, request: HttpRequest, obj: Price, form: Any, change: bool) -> None:
        """Write a price and who wrote it."""
        write_price(row=obj, by=signed_in(request.user), now=clock.now())

    def delete_model(self, request: HttpRequest, obj: Price) -> None:
        """Take back a price that has not begun before today."""
        remove_price(row=obj, by=signed_in(request.user), now=clock.now())


def _is_past(price: Price | None) -> bool:
    return price is not None and price.is_past(clock.now())
