"""By which policies are a member's patients insured?"""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from billing.forms import PolicyForm
from billing.models import InsurancePolicy
from billing.services.policies import add_policy, end_policy, may_end
from medbook import clock
from medbook.api import status_of
from medbook.errors import DomainError, Missing
from members.choices import ConsentPurpose
from members.errors import ConsentMissing
from members.models import FamilyLink, Member
from members.selectors.patients import own_entry
from members.views.consents import ask_for_consent
from members.views.entrance import for_members

PAGE = "billing:insurance"


@sensitive_post_parameters()
@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def policies(request: HttpRequest, member: Member, uid: uuid.UUID) -> HttpResponse:
    """List the policies of a patient; add one."""
    link = own_entry(member, uid)
    if request.method != "POST":
        return _page(request, link, PolicyForm())
    form = PolicyForm(request.POST)
    if not form.is_valid():
        return _page(request, link, form, status=422)
    try:
        add_policy(
            member=member, patient_uid=uid, by=member.user, now=clock.now(), **form.cleaned_data
        )
    except ConsentMissing as refusal:
        return ask_for_consent(request, ConsentPurpose.SENSITIVE_DATA, refusal, request.path)
    except Missing:
        raise
    except DomainError as refusal:
        form.add_error(None, refusal.detail)
        return _page(request, link, form, status=status_of(refusal))
    messages.success(request, _("Added. You can choose it when you confirm a visit."))
    return redirect(PAGE, uid)


@for_members
@require_POST
def end(
    request: HttpRequest, member: Member, uid: uuid.UUID, policy_uid: uuid.UUID
) -> HttpResponse:
    """End a policy: visits that are booked stay insured."""
    end_policy(
        member=member, patient_uid=uid, policy_uid=policy_uid, by=member.user, now=clock.now()
    )
    messages.success(request, _("Ended. Visits that are booked stay insured."))
    return redirect(PAGE, uid)


def _page(
    request: HttpRequest, link: FamilyLink, form: PolicyForm, status: int = 200
) -> HttpResponse:
    now = clock.now()
    today = clock.site_date(now)
    rows = InsurancePolicy.objects.standing().seen_through(link).select_related("plan")
    context = {
        "link": link,
        "policies": [
            {
                "policy": policy,
                "state": policy.state_on(today),
                "may_end": may_end(policy, link, now),
            }
            for policy in rows.order_by("id")
        ],
        "form": form,
    }
    return render(request, "billing/insurance.html", context, status=status)
