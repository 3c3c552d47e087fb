"""What is membership worth, and how is it earned?"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from medbook import clock
from members.selectors.people import member_of, own_patient
from members.selectors.tiers import benefits, tiers


@require_safe
@never_cache
def membership(request: HttpRequest) -> HttpResponse:
    """Show what each tier allows, and which one is the reader's."""
    member = member_of(request.user)
    context = {
        "member": member,
        "patient": own_patient(member) if member else None,
        "tiers": tiers(),
        "benefits": benefits(clock.now()),
    }
    return render(request, "members/membership.html", context)
