"""Where does staff see missed visits and pauses, excuse the ones and end the others?"""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.admin_actions import ActingAdmin, ReasonForm, confirmed_action
from medbook.admin_site import ReadOnly
from members.models import Strike, Suspension
from members.selectors.people import signed_in
from members.services.strikes import excuse_strike
from members.services.suspensions import end_suspension

Answers = Mapping[str, Any]


@admin.register(Strike)
class StrikeAdmin(ReadOnly, ActingAdmin):
    """Missed visits by patient, masked."""

    list_display = ("patient", "occurred_at", "excused_at", "excuse")
    list_filter = (("excused_at", admin.EmptyFieldListFilter),)
    list_select_related = ("patient",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("=reference",)
    ordering = ("-occurred_at",)
    fields = ("patient", "reference", "occurred_at", "excused_at", "excuse")
    actions = ("excuse",)

    @confirmed_action(
        _("Excuse the missed visit"),
        permission="members.excuse_strike",
        explanation=_("It no longer counts; a pause that only it has caused ends at once."),
        form=ReasonForm,
    )
    def excuse(self, request: HttpRequest, strike: Strike, answers: Answers) -> None:
        """Let a missed visit not count."""
        excuse_strike(strike_uid=strike.uid, by=signed_in(request.user), now=clock.now(), **answers)


@admin.register(Suspension)
class SuspensionAdmin(ReadOnly, ActingAdmin):
    """Pauses of members and patients; those who ask the clinic to look at theirs can be listed."""

    list_display = ("whose", "starts_at", "ends_at", "reason", "appealed_at")
    list_filter = (("appealed_at", admin.EmptyFieldListFilter),)
    list_select_related = ("member__user", "patient")
    list_per_page = 50
    search_fields = ("=member__user__username",)
    ordering = ("-ends_at",)
    show_full_result_count = False
    fields = ("whose", "starts_at", "ends_at", "reason", "appealed_at", "said")
    actions = ("end",)

    @admin.display(description=_("whose"))
    def whose(self, suspension: Suspension) -> str:
        """Show the member's number, or the patient's name masked."""
        return str(suspension.member or suspension.patient)

    @admin.display(description=_("what they say"))
    def said(self, suspension: Suspension) -> str:
        """Show what the clinic is asked to consider."""
        return suspension.appeal.reveal() if suspension.appeal else ""

    @confirmed_action(_("End the pause"), permission="members.suspend_member", form=ReasonForm)
    def end(self, request: HttpRequest, suspension: Suspension, answers: Answers) -> None:
        """Let online booking be possible again."""
        end_suspension(
            suspension_uid=suspension.uid, by=signed_in(request.user), now=clock.now(), **answers
        )
