"""Where does staff see missed visits, appeals and pauses, and decide about them?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.admin_actions import ActingAdmin, ReasonForm, confirmed_action
from medbook.admin_site import ReadOnly
from members.models import Strike, StrikeAppeal, Suspension
from members.selectors.people import signed_in
from members.services.strike_appeals import accept_appeal, refuse_appeal
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


class AnswerForm(forms.Form):
    """Ask what the member is to read, if anything."""

    answer = forms.CharField(
        label=_("Answer to the member"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The member reads this on the page of the missed visit."),
    )


class RefusalForm(AnswerForm):
    """Ask why the visit counts all the same."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["answer"].required = True


@admin.register(StrikeAppeal)
class StrikeAppealAdmin(ReadOnly, ActingAdmin):
    """What members say to missed visits; those to be looked at come first."""

    list_display = ("patient", "missed_at", "state", "created_at", "decided_at")
    list_filter = ("state",)
    list_select_related = ("strike__patient",)
    list_per_page = 50
    show_full_result_count = False
    ordering = (F("decided_at").desc(nulls_first=True), "created_at")
    fields = (
        "patient",
        "missed_at",
        "about",
        "said",
        "state",
        "answered",
        "created_at",
        "decided_at",
    )
    actions = ("accept", "refuse")

    @admin.display(description=_("patient"))
    def patient(self, appeal: StrikeAppeal) -> str:
        """Show the patient's name masked."""
        return str(appeal.strike.patient)

    @admin.display(description=_("missed at"))
    def missed_at(self, appeal: StrikeAppeal) -> datetime:
        """Tell when the visit was."""
        return appeal.strike.occurred_at

    @admin.display(description=_("about"))
    def about(self, appeal: StrikeAppeal) -> str:
        """Name the visit."""
        return appeal.strike.reference

    @admin.display(description=_("what they say"))
    def said(self, appeal: StrikeAppeal) -> str:
        """Show what the clinic is asked to consider."""
        return appeal.note.reveal() if appeal.note else ""

    @admin.display(description=_("answer"))
    def answered(self, appeal: StrikeAppeal) -> str:
        """Show what the member was told."""
        return appeal.answer.reveal() if appeal.answer else ""

    @confirmed_action(
        _("Accept the appeal"),
        permission="members.excuse_strike",
        explanation=_("The visit no longer counts as missed, and the member is told."),
        form=AnswerForm,
    )
    def accept(self, request: HttpRequest, appeal: StrikeAppeal, answers: Answers) -> None:
        """Let the missed visit not count."""
        accept_appeal(appeal_uid=appeal.uid, by=signed_in(request.user), now=clock.now(), **answers)

    @confirmed_action(
        _("Refuse the appeal"),
        permission="members.excuse_strike",
        explanation=_("The visit counts as missed, and the member is told why."),
        form=RefusalForm,
    )
    def refuse(self, request: HttpRequest, appeal: StrikeAppeal, answers: Answers) -> None:
        """Let the missed visit count."""
        refuse_appeal(appeal_uid=appeal.uid, by=signed_in(request.user), now=clock.now(), **answers)


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
