"""How does a member contest a missed visit?"""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from medbook import clock
from medbook.api import status_of
from medbook.errors import Refused
from members.forms.patients import AppealForm
from members.models import Member
from members.selectors.strikes import own_strike
from members.services.strike_appeals import contest_strike
from members.views.entrance import for_members


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def missed_visit(request: HttpRequest, member: Member, uid: uuid.UUID) -> HttpResponse:
    """Show a missed visit, what was said to it and what the clinic answered; contest it once."""
    strike = own_strike(member, uid)
    form = AppealForm(request.POST if request.method == "POST" else None)
    context = {"strike": strike, "appeal": getattr(strike, "appeal", None), "form": form}
    if request.method != "POST":
        return render(request, "members/missed_visit.html", context)
    if not form.is_valid():
        return render(request, "members/missed_visit.html", context, status=422)
    try:
        contest_strike(
            member=member,
            strike_uid=uid,
            note=form.cleaned_data["note"],
            by=member.user,
            now=clock.now(),
        )
    except Refused as refusal:
        context["detail"] = refusal.detail
        return render(request, "members/missed_visit.html", context, status=status_of(refusal))
    messages.success(request, _("The clinic has been asked to look at it."))
    return redirect("members:missed_visit", uid)
