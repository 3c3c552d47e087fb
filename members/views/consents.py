"""Where does a member read, give and take back a consent?"""

from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from medbook import clock
from medbook.api import status_of
from medbook.errors import DomainError
from members.choices import ConsentPurpose
from members.models import Member
from members.rules.consents import VERSIONS
from members.selectors.consents import Standing, standings
from members.selectors.people import member_of
from members.services.consents import give_consent, withdraw_consent
from members.views.entrance import for_members


@require_safe
@never_cache
def consent(request: HttpRequest, purpose: str) -> HttpResponse:
    """Show the text of one purpose to everybody; a member may agree to it here."""
    return _page(request, _known(purpose), came_from(request))


@for_members
@require_POST
def give(request: HttpRequest, member: Member, purpose: str) -> HttpResponse:
    """Agree, and go back to where one was."""
    given = give_consent(member=member, purpose=_known(purpose), by=member.user, now=clock.now())
    messages.success(
        request,
        _("You agreed: %(purpose)s.") % {"purpose": given.get_purpose_display()},
    )
    return redirect(came_from(request) or "members:privacy")


@for_members
@require_POST
def withdraw(request: HttpRequest, member: Member, purpose: str) -> HttpResponse:
    """Take an agreement back."""
    known = _known(purpose)
    try:
        taken = withdraw_consent(member=member, purpose=known, by=member.user, now=clock.now())
    except DomainError as refusal:
        return _page(request, known, "", refusal)
    messages.success(
        request,
        _("You took back your consent: %(purpose)s.") % {"purpose": taken.get_purpose_display()},
    )
    return redirect("members:privacy")


def ask_for_consent(
    request: HttpRequest, purpose: ConsentPurpose, refusal: DomainError, way_back: str
) -> HttpResponse:
    """Answer a refusal for want of consent with the text, and lead back to where one was."""
    return _page(request, purpose, way_back, refusal)


def came_from(request: HttpRequest) -> str:
    """Tell the page to go back to, if it is one of this site; else ''."""
    asked = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME, "")
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours and asked.startswith("/") else ""


def _page(
    request: HttpRequest,
    purpose: ConsentPurpose,
    way_back: str,
    refusal: DomainError | None = None,
) -> HttpResponse:
    member = member_of(request.user)
    context = {
        "purpose": purpose,
        "version": VERSIONS[purpose],
        "standing": _standing_of(member, purpose) if member else None,
        "refusal": refusal,
        "redirect_field_name": REDIRECT_FIELD_NAME,
        "way_back": way_back,
    }
    status = status_of(refusal) if refusal else 200
    return render(request, "members/consent.html", context, status=status)


def _standing_of(member: Member, purpose: ConsentPurpose) -> Standing:
    return next(each for each in standings(member) if each.purpose == purpose)


def _known(purpose: str) -> ConsentPurpose:
    if purpose not in ConsentPurpose.values:
        raise Http404
    return ConsentPurpose(purpose)
