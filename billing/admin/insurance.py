"""What do staff see and do about insurance? Finance keeps the plans and checks statements."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from billing.forms import PlanRowForm, StatementForm
from billing.models import Claim, InsurancePlan, InsurancePolicy
from billing.services.claim_statements import check_statement
from medbook import clock
from medbook.admin_site import MedBookAdminSite, ReadOnly
from medbook.api import status_of
from medbook.errors import DomainError

TITLE = _("Check an insurer's statement")
TERMS = ("code", "is_statutory", "insurer", "rate", "deductible", "yearly_cap", "uncovered")


@admin.register(InsurancePlan)
class InsurancePlanAdmin(admin.ModelAdmin):
    """Plans: what has held once stays; for other terms a new plan is made."""

    form = PlanRowForm
    list_display = ["code", "name_en", "name_zh", "insurer", "rate", "yearly_cap", "is_active"]
    list_filter = ["insurer", "is_statutory", "is_active"]
    ordering = ["code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Fix the terms once somebody is insured by them."""
        return TERMS if obj and obj.policies.exists() else ()


@admin.register(InsurancePolicy)
class InsurancePolicyAdmin(ReadOnly, admin.ModelAdmin):
    """Policies, with their numbers masked."""

    list_display = ["masked", "plan", "patient", "valid_from", "valid_to", "ended_at"]
    list_filter = ["plan"]
    list_select_related = ["plan", "patient"]
    ordering = ["-id"]
    fields = ["masked", "plan", "patient", "valid_from", "valid_to", "added_at", "ended_at"]
    show_full_result_count = False

    @admin.display(description=_("number"))
    def masked(self, policy: InsurancePolicy) -> str:
        """Show the end of the number."""
        return str(policy.number or "–")


@admin.register(Claim)
class ClaimAdmin(ReadOnly, admin.ModelAdmin):
    """Claims: the latest first."""

    list_display = ["reference", "state", "shown_quoted", "shown_accepted", "plan", "paid_at"]
    list_filter = ["state", "policy__plan"]
    list_select_related = ["invoice", "policy__plan"]
    search_fields = ["reference__exact", "invoice__reference__exact"]
    search_help_text = _("Number of the claim or of the invoice")
    date_hierarchy = "quoted_at"
    ordering = ["-id"]
    show_full_result_count = False

    @admin.display(description=_("asked for"), ordering="quoted")
    def shown_quoted(self, claim: Claim) -> str:
        """Say the amount with its currency."""
        return claim.shown_quoted

    @admin.display(description=_("accepted"), ordering="accepted")
    def shown_accepted(self, claim: Claim) -> str:
        """Say the amount with its currency."""
        return claim.shown_accepted

    @admin.display(description=_("insurance plan"))
    def plan(self, claim: Claim) -> str:
        """Name the plan."""
        return claim.policy.plan.name


def check_claims(request: HttpRequest) -> HttpResponse:
    """Compare an insurer's statement of a day with the claims, and show the differences."""
    form = StatementForm(request.POST if request.method == "POST" else None)
    context = {
        **admin.site.each_context(request),
        "title": TITLE,
        "form": form,
    }
    status = 200
    if form.is_valid():
        said = form.cleaned_data
        try:
            context["differences"] = check_statement(
                insurer=said["insurer"], day=said["day"], now=clock.now()
            )
        except DomainError as refusal:
            form.add_error(None, refusal.detail)
            status = status_of(refusal)
    elif form.is_bound:
        status = 422
    return TemplateResponse(request, "admin/billing/claim_statement.html", context, status=status)


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "insurance/statement/",
        check_claims,
        name="claim_statement",
        title=TITLE,
        permission="billing.check_claim_statement",
    )
