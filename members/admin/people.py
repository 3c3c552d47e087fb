"""Where does staff see members and patients, masked, and act on them?"""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from medbook import clock
from medbook.admin_actions import ActingAdmin, ReasonForm, confirmed_action
from medbook.admin_site import ReadOnly
from members.admin.points import PointsForm
from members.admin.tiers import TierChangeInline
from members.choices import Relation
from members.forms.desk import BirthDocumentForm, ShownDocumentForm
from members.forms.fields import PhoneField
from members.forms.tiers import GrantForm
from members.models import FamilyLink, Member, Patient, Strike, Suspension
from members.selectors.people import signed_in
from members.selectors.points import balance
from members.services.erasing import erase_member
from members.services.patients import (
    LEAST_REASON,
    join_patients,
    reveal_identity,
    verify_patient,
)
from members.services.phones import change_phone_at_desk
from members.services.points import adjust_points
from members.services.second_factor import take_away_factors
from members.services.suspensions import lift_suspension, suspend_member
from members.services.tiers import grant_tier

MOST_DAYS = 366
Answers = Mapping[str, Any]


class SuspensionForm(ReasonForm):
    """Ask for how long, and why."""

    days = forms.IntegerField(label=_("Days"), min_value=1, max_value=MOST_DAYS, initial=30)


class PhoneForm(ReasonForm):
    """Ask for the new number, and why."""

    phone = PhoneField(label=_("New phone number"))


class RevealForm(ReasonForm):
    """Ask why, in a few words."""

    reason = forms.CharField(
        label=_("Reason"),
        min_length=LEAST_REASON,
        max_length=200,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Kept in the operation log. Please write no names or health data."),
    )


class LinkInline(ReadOnly, admin.TabularInline):
    """Who books for whom."""

    model = FamilyLink
    extra = 0
    fields = readonly_fields = ("relation", "of_member", "of_patient", "created_at")

    @admin.display(description=_("member"))
    def of_member(self, link: FamilyLink) -> str:
        """Lead to the member."""
        return _link_to(link.member)

    @admin.display(description=_("patient"))
    def of_patient(self, link: FamilyLink) -> str:
        """Lead to the patient, masked."""
        return _link_to(link.patient)

    def get_queryset(self, request: HttpRequest) -> QuerySet[FamilyLink]:
        """Fetch both ends at once."""
        return super().get_queryset(request).select_related("member__user", "patient")


class StrikeInline(ReadOnly, admin.TabularInline):
    """Which visits a patient has missed."""

    model = Strike
    extra = 0
    fields = readonly_fields = ("occurred_at", "excused_at", "excuse")


class SuspensionInline(ReadOnly, admin.TabularInline):
    """When a member may not book online."""

    model = Suspension
    extra = 0
    fields = readonly_fields = ("starts_at", "ends_at", "reason")


@admin.register(Member)
class MemberAdmin(ReadOnly, ActingAdmin):
    """Members, masked; searched for by a form whose words stay out of addresses."""

    change_list_template = "admin/members/change_list.html"
    list_display = ("number", "masked_name", "masked_phone", "tier", "joined_at")
    list_select_related = ("user", "tier")
    list_filter = ("tier",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("=user__username",)
    ordering = ("-id",)
    fields = (
        "number",
        "masked_phone",
        "tier",
        "tier_until",
        "demotion_at",
        "granted_until",
        "joined_at",
        "points_balance",
    )
    inlines = (LinkInline, SuspensionInline, TierChangeInline)
    actions = (
        "suspend",
        "lift",
        "erase",
        "grant_tier",
        "change_phone",
        "adjust_points",
        "take_away_factor",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        """Fetch each member's own patient with it."""
        own = FamilyLink.objects.filter(relation=Relation.SELF).select_related("patient")
        rows = super().get_queryset(request)
        return rows.prefetch_related(Prefetch("links", own, to_attr="own_links"))

    @confirmed_action(
        _("Erase the account"),
        permission="members.erase_member",
        explanation=_(
            "Everything that names the member goes; money and the log stay, nameless."
            " This cannot be undone."
        ),
        form=ReasonForm,
    )
    def erase(self, request: HttpRequest, member: Member, answers: Answers) -> None:
        """Erase a member who asked for it in writing."""
        erase_member(member_uid=member.uid, by=signed_in(request.user), now=clock.now(), **answers)

    @admin.display(description=_("member number"), ordering="user__username")
    def number(self, member: Member) -> str:
        """Show the member number."""
        return member.number

    @admin.display(description=_("name"))
    def masked_name(self, member: Member) -> str:
        """Show the member's own name, masked."""
        return ", ".join(str(link.patient) for link in getattr(member, "own_links", ()))

    @admin.display(description=_("phone"))
    def masked_phone(self, member: Member) -> str:
        """Show the number, masked."""
        return str(member.phone or "")

    @admin.display(description=_("points"))
    def points_balance(self, member: Member) -> str:
        """Show the balance, and lead to the entries."""
        address = reverse("admin:members_pointentry_changelist", query={"q": member.number})
        return format_html('<a href="{}">{}</a>', address, balance(member))

    @confirmed_action(
        _("Pause online booking"),
        permission="members.suspend_member",
        explanation=_("The member keeps what is booked, and cannot book more online meanwhile."),
        form=SuspensionForm,
    )
    def suspend(self, request: HttpRequest, member: Member, answers: Answers) -> None:
        """Suspend a member."""
        suspend_member(
            member_uid=member.uid, by=signed_in(request.user), now=clock.now(), **answers
        )

    @confirmed_action(
        _("Resume online booking"), permission="members.suspend_member", form=ReasonForm
    )
    def lift(self, request: HttpRequest, member: Member, answers: Answers) -> None:
        """Lift a member's suspensions."""
        lift_suspension(
            member_uid=member.uid, by=signed_in(request.user), now=clock.now(), **answers
        )

    @confirmed_action(
        _("Grant a tier"),
        permission="members.change_member_tier",
        explanation=_("The member is told. What is booked already keeps its price and rules."),
        form=GrantForm,
    )
    def grant_tier(self, request: HttpRequest, member: Member, answers: Answers) -> None:
        """Give a member a tier until a day."""
        grant_tier(member_uid=member.uid, by=signed_in(request.user), now=clock.now(), **answers)

    @confirmed_action(
        _("Change the phone number"),
        permission="members.change_phone",
        explanation=_(
            "Only after you have seen the member's document. All devices are signed out, "
            "and the old number is told."
        ),
        form=PhoneForm,
    )
    def change_phone(self, request: HttpRequest, member: Member, answers: Answers) -> None:
        """Give a member who lost the phone another number."""
        change_phone_at_desk(
            member_uid=member.uid, by=signed_in(request.user), now=clock.now(), **answers
        )

    @confirmed_action(
        _("Adjust points"),
        permission="members.adjust_points",
        explanation=_("Large adjustments wait until a second person has approved them."),
        form=PointsForm,
    )
    def adjust_points(self, request: HttpRequest, member: Member, answers: Answers) -> str | None:
        """Add or take points, or ask a second person."""
        asked = adjust_points(
            member_uid=member.uid, by=signed_in(request.user), now=clock.now(), **answers
        )
        return gettext("A second person has to approve this.") if asked else None

    @confirmed_action(
        _("Take away the second factor"),
        permission="members.take_away_second_factor",
        explanation=_("For a lost phone, once you know who asks. All sign-ins of the account end."),
        form=ReasonForm,
    )
    def take_away_factor(self, request: HttpRequest, member: Member, answers: Answers) -> None:
        """Let a member begin anew without a second factor."""
        take_away_factors(
            user_uid=member.user.uid, by=signed_in(request.user), now=clock.now(), **answers
        )


@admin.register(Patient)
class PatientAdmin(ReadOnly, ActingAdmin):
    """Patients, masked; shown in clear on a page of their own, for a reason that is logged."""

    change_list_template = "admin/members/change_list.html"
    list_display = ("masked_name", "masked_identity", "sex", "state", "created_at")
    list_filter = ("state",)
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("=links__member__user__username",)
    ordering = ("-id",)
    fields = (
        "masked_name",
        "identity_kind",
        "masked_identity",
        "sex",
        "state",
        "created_at",
        "in_clear",
    )
    inlines = (LinkInline, StrikeInline, SuspensionInline)
    actions = ("verify", "join")

    def get_urls(self) -> list[URLPattern]:
        """Add the page that shows a patient in clear."""
        page = path(
            "<int:patient_id>/reveal/",
            self.admin_site.admin_view(never_cache(self.reveal)),
            name="members_patient_reveal",
        )
        return [page, *super().get_urls()]

    @admin.display(description=_("name"))
    def masked_name(self, patient: Patient) -> str:
        """Show the name, masked."""
        return str(patient)

    @admin.display(description=_("document number"))
    def masked_identity(self, patient: Patient) -> str:
        """Show the number, masked."""
        return str(patient.identity_number or "")

    @admin.display(description=_("in clear"))
    def in_clear(self, patient: Patient) -> str:
        """Lead to the page that shows it."""
        address = reverse("admin:members_patient_reveal", args=[patient.pk])
        return format_html('<a href="{}">{}</a>', address, _("Show name, document and phone"))

    @confirmed_action(
        _("Verify the document"),
        permission="members.verify_patient",
        explanation=_("Type the number from the document in your hand, not from a screen."),
        form=BirthDocumentForm,
    )
    def verify(self, request: HttpRequest, patient: Patient, answers: Answers) -> None:
        """Note that staff has seen the document."""
        verify_patient(
            patient_uid=patient.uid, by=signed_in(request.user), now=clock.now(), **answers
        )

    @confirmed_action(
        _("Join with another record"),
        permission="members.verify_patient",
        explanation=_(
            "The person in front of you has two documents. The chosen record leads from now on to "
            "that of the document you type."
        ),
        form=ShownDocumentForm,
    )
    def join(self, request: HttpRequest, patient: Patient, answers: Answers) -> None:
        """Make one of two records."""
        join_patients(
            patient_uid=patient.uid, by=signed_in(request.user), now=clock.now(), **answers
        )

    def reveal(self, request: HttpRequest, patient_id: int) -> HttpResponse:
        """Ask for a reason; then show the patient in clear, once."""
        if not request.user.has_perm("members.reveal_identity"):
            raise PermissionDenied
        patient = get_object_or_404(Patient, pk=patient_id)
        form = RevealForm(request.POST or None)
        shown = None
        if form.is_valid():
            shown = reveal_identity(
                patient_uid=patient.uid,
                by=signed_in(request.user),
                now=clock.now(),
                **form.cleaned_data,
            )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Show a patient in clear"),
            "patient": patient,
            "form": form,
            "shown": shown,
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/members/reveal.html", context, status=status)


def _link_to(row: Member | Patient) -> str:
    address = reverse(f"admin:members_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', address, row)
