"""Where does staff change what tiers allow?"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.admin_site import ReadOnly
from members.forms.tiers import PrivilegeRowForm, TierRowForm
from members.models import Privilege, Tier, TierChange
from members.selectors.people import signed_in
from members.services.privileges import note_tier_change, remove_privilege, write_privilege


class TierChangeInline(ReadOnly, admin.TabularInline):
    """How a member came into the tiers."""

    model = TierChange
    extra = 0
    fields = readonly_fields = ("at", "kind", "earlier", "to_tier", "points", "until", "reason")

    @admin.display(description=_("earlier tier"))
    def earlier(self, change: TierChange) -> str:
        """Name the tier before."""
        return change.from_tier.name if change.from_tier else "–"

    def get_queryset(self, request: HttpRequest) -> QuerySet[TierChange]:
        """Fetch the tiers along, latest first."""
        rows = super().get_queryset(request).select_related("from_tier", "to_tier")
        return rows.order_by("-at", "-id")


@admin.register(Tier)
class TierAdmin(admin.ModelAdmin):
    """Tiers; what they allow is told by their privileges."""

    form = TierRowForm
    list_display = ("code", "name_en", "name_zh", "rank", "points_from")
    ordering = ("rank",)
    search_fields = ("code", "name_en", "name_zh")

    def save_model(self, request: HttpRequest, obj: Tier, form: Any, change: bool) -> None:
        """Write the row and who changed it."""
        super().save_model(request, obj, form, change)
        note_tier_change(tier=obj, changed=form.changed_data, by=signed_in(request.user))

    def delete_model(self, request: HttpRequest, obj: Tier) -> None:
        """Note who took a tier away that nobody has."""
        note_tier_change(tier=obj, changed=["code"], by=signed_in(request.user))
        super().delete_model(request, obj)


@admin.register(Privilege)
class PrivilegeAdmin(admin.ModelAdmin):
    """Privileges by tier and date: what has held once stays on record, a new row replaces it."""

    form = PrivilegeRowForm
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

    def save_model(self, request: HttpRequest, obj: Privilege, form: Any, change: bool) -> None:
        """Write a new or a planned value."""
        write_privilege(row=obj, by=signed_in(request.user), now=clock.now())

    def delete_model(self, request: HttpRequest, obj: Privilege) -> None:
        """Take back what was planned."""
        remove_privilege(row=obj, by=signed_in(request.user), now=clock.now())


def _is_to_come(row: Privilege | None) -> bool:
    return row is None or row.valid_from > clock.now()
