"""Where does staff see points, and what do they say to adjust them?"""

import uuid

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from medbook.admin_actions import ReasonForm
from medbook.admin_site import ReadOnly
from members.models import PointEntry

MOST_POINTS = 1_000_000


class PointsForm(ReasonForm):
    """Ask how many points, and why; the key makes a second press of the button do nothing."""

    points = forms.IntegerField(
        label=_("Points"),
        min_value=-MOST_POINTS,
        max_value=MOST_POINTS,
        help_text=_("With a minus to take points away, never below zero."),
    )
    key = forms.UUIDField(initial=uuid.uuid4, widget=forms.HiddenInput)
    field_order = ("points", "reason", "key")

    def clean_points(self) -> int:
        """Refuse an adjustment by nothing."""
        points: int = self.cleaned_data["points"]
        if not points:
            raise forms.ValidationError(_("Zero changes nothing."), "zero")
        return points

    def clean_key(self) -> str:
        """Return the key as text."""
        return str(self.cleaned_data["key"])


@admin.register(PointEntry)
class PointEntryAdmin(ReadOnly, admin.ModelAdmin):
    """Everybody's points, entry by entry; adjusted from the list of members."""

    list_display = (
        "member",
        "at",
        "reason",
        "amount",
        "balance_after",
        "expires_at",
        "note",
        "by",
    )
    list_filter = ("reason",)
    list_select_related = ("member__user", "by")
    list_per_page = 50
    search_fields = ("=member__user__username",)
    search_help_text = _("Member number")
    date_hierarchy = "at"
    ordering = ("-id",)
    show_full_result_count = False
    fields = (*list_display, "reference")
