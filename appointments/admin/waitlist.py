"""Who waits, for what, and why was somebody not asked?"""

import uuid

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from appointments.models import Offer, WaitlistEntry, WaitlistQuerySet
from appointments.selectors.wishes import free_places_near, why_skipped
from appointments.services.promotion import offer_now
from medbook import clock
from medbook.admin_site import MedBookAdminSite
from medbook.errors import Missing, Refused
from members.selectors.people import signed_in

TITLE = gettext_lazy("Waitlist")
ON_A_PAGE = 50


@require_safe
def waitlist(request: HttpRequest) -> HttpResponse:
    """List who waits by doctor and day, who joined first first, with what is on offer."""
    rows = _rows().open().order_by("department", "doctor", "first_day", "joined_at", "id")
    context = {
        **admin.site.each_context(request),
        "title": TITLE,
        "page": Paginator(rows, ON_A_PAGE).get_page(request.GET.get("page")),
    }
    return TemplateResponse(request, "admin/appointments/waitlist.html", context)


@require_safe
def wish(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Show for one wish which places are free, and why each is not offered to it."""
    entry = _rows().filter(uid=uid).first()
    if entry is None:
        raise Http404
    now = clock.now()
    context = {
        **admin.site.each_context(request),
        "title": TITLE,
        "wish": entry,
        "places": [(slot, why_skipped(entry, slot, now)) for slot in free_places_near(entry)],
        "may_offer": request.user.has_perm("appointments.offer_place"),
    }
    return TemplateResponse(request, "admin/appointments/waitlist_wish.html", context)


@require_POST
def offer(request: HttpRequest, uid: uuid.UUID, slot_uid: uuid.UUID) -> HttpResponse:
    """Offer a free place to who waits."""
    try:
        offer_now(entry_uid=uid, slot_uid=slot_uid, by=signed_in(request.user), now=clock.now())
    except Missing as missing:
        raise Http404 from missing
    except Refused as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, _("The place is kept for 15 minutes and the member is told."))
    return redirect("admin:waitlist_wish", uid)


def _rows() -> WaitlistQuerySet:
    open_offers = Offer.objects.open().select_related("slot__schedule__department__clinic")
    return WaitlistEntry.objects.select_related(
        "member__user", "member__tier", "patient", "doctor", "schedule", "department__clinic"
    ).prefetch_related(Prefetch("offers", open_offers, to_attr="open_offers"))


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "waitlist/",
        waitlist,
        name="waitlist",
        title=TITLE,
        permission="appointments.view_waitlistentry",
    )
    admin.site.add_page(
        "waitlist/<uuid:uid>/",
        wish,
        name="waitlist_wish",
        title=TITLE,
        permission="appointments.view_waitlistentry",
        is_on_home=False,
    )
    admin.site.add_page(
        "waitlist/<uuid:uid>/<uuid:slot_uid>/",
        offer,
        name="waitlist_offer",
        title=TITLE,
        permission="appointments.offer_place",
        is_on_home=False,
    )
