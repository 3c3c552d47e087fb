"""What is membership worth, and how is it earned?"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from medbook import clock
from members.selectors.membership import outlook
from members.selectors.people import member_of, own_patient
from members.selectors.tiers import benefits, tiers


@require_safe
@never_cache
def membership(request: HttpRequest) -> HttpResponse:
    """Show what each tier allows; to members also where they stand, and what comes next."""
    member, now = member_of(request.user), clock.now()
    all_tiers, rows = tiers(), benefits(now)
    context = {
        "member": member,
        "patient": own_patient(member) if member else None,
        "outlook": outlook(member, all_tiers, now) if member else None,
        "tiers": all_tiers,
        "benefits": rows,
        "by_tier": [
            (tier, [(label, cells[place]) for label, cells in rows])
            for place, tier in enumerate(all_tiers)
        ],
    }
    return render(request, "members/membership.html", context)
