"""Where does the desk note who may book for whom, and put people without documents on record?"""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from medbook import clock
from medbook.admin_actions import ActingAdmin, ReasonForm, confirmed_action
from medbook.admin_site import MedBookAdminSite, ReadOnly
from members.forms.desk import ConsentDocumentForm, RegisterForm
from members.models import FamilyLink
from members.selectors.people import signed_in
from members.services.family_consents import confirm_consent, withdraw_consent
from members.services.patients import register_patient

Answers = Mapping[str, Any]


@admin.register(FamilyLink)
class FamilyLinkAdmin(ReadOnly, ActingAdmin):
    """Who may book for whom, masked."""

    list_display = ("masked_patient", "relation", "member", "consent", "consent_at", "removed_at")
    list_filter = ("consent", "relation")
    list_select_related = ("member__user", "patient")
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("=member__user__username",)
    ordering = ("-id",)
    fields = (
        "masked_patient",
        "masked_document",
        "relation",
        "member",
        "consent",
        "consent_at",
        "may_see_records",
        "created_at",
        "removed_at",
    )
    actions = ("confirm", "withdraw")

    @admin.display(description=_("patient"))
    def masked_patient(self, link: FamilyLink) -> str:
        """Show the name on record, masked."""
        return str(link.patient)

    @admin.display(description=_("document number"))
    def masked_document(self, link: FamilyLink) -> str:
        """Show what the member wrote, masked."""
        return str(link.identity_number or link.patient.identity_number or "")

    @confirmed_action(
        _("Note the patient's consent"),
        permission="members.confirm_consent",
        explanation=_(
            "The patient, or for a minor a parent or guardian, agrees in front of you. Type the "
            "number from the patient's document."
        ),
        form=ConsentDocumentForm,
    )
    def confirm(self, request: HttpRequest, link: FamilyLink, answers: Answers) -> None:
        """Note that somebody has agreed."""
        confirm_consent(link_uid=link.uid, by=signed_in(request.user), now=clock.now(), **answers)

    @confirmed_action(
        _("Withdraw the consent"), permission="members.confirm_consent", form=ReasonForm
    )
    def withdraw(self, request: HttpRequest, link: FamilyLink, answers: Answers) -> None:
        """Note that somebody no longer agrees."""
        withdraw_consent(link_uid=link.uid, by=signed_in(request.user), now=clock.now(), **answers)


@never_cache
def register(request: HttpRequest) -> HttpResponse:
    """Put somebody without a document on record."""
    form = RegisterForm(request.POST or None)
    if form.is_valid():
        patient = register_patient(by=signed_in(request.user), now=clock.now(), **form.cleaned_data)
        messages.success(request, gettext("On record, to be verified."))
        return redirect("admin:members_patient_change", patient.pk)
    context = {
        **admin.site.each_context(request),
        "title": _("Register a patient"),
        "form": form,
    }
    status = 422 if form.errors else 200
    return TemplateResponse(request, "admin/members/register.html", context, status=status)


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "register-patient/",
        register,
        name="register_patient",
        title=_("Register a patient"),
        permission="members.add_patient",
    )
