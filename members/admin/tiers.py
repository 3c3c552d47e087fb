"""Where does staff change what tiers allow?"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from medbook import clock
from members.models import Privilege, Tier


@admin.register(Tier)
class TierAdmin(admin.ModelAdmin):
    """Tiers; what they allow is told by their privileges."""

    list_display = ("code", "name_en", "name_zh", "rank", "points_from")
    ordering = ("rank",)
    search_fields = ("code", "name_en", "name_zh")


@admin.register(Privilege)
class PrivilegeAdmin(admin.ModelAdmin):
    """Privileges by tier and date: what has held once stays on record, a new row replaces it."""

    list_display = ("tier", "key", "value", "valid_from")
    list_filter = ("tier", "key")
    list_select_related = ("tier",)
    ordering = ("tier__rank", "key", "-valid_from")

    def has_change_permission(self, request: HttpRequest, obj: Privilege | None = None) -> bool:
        """Change only what does not hold yet."""
        return super().has_change_permission(request, obj) and _is_to_come(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Privilege | None = None) -> bool:
        """Delete only what does not hold yet."""
        return super().has_delete_permission(request, obj) and _is_to_come(obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer no deletion of many rows, which would not look at each."""
        return {}


def _is_to_come(row: Privilege | None) -> bool:
    return row is None or row.valid_from > clock.now()
