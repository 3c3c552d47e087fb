"""Where does staff look over the money that goes back?"""

import uuid

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.choices import QuarantineEnd
from billing.forms import DecisionForm
from billing.models import Refund
from billing.selectors.refunds import (
    QUEUES,
    chosen_refunds,
    open_quarantines,
    refund_queues,
    refunds_in,
)
from billing.services.quarantine import decide_quarantine, may_give_back
from billing.services.refunds import approve_refunds
from medbook import clock
from medbook.admin_site import MedBookAdminSite
from medbook.errors import Missing, Refused
from members.selectors.people import signed_in

TITLE = gettext_lazy("Refunds")
APART = gettext_lazy("Money that does not fit")
ON_A_PAGE = 50
MOST_CHOSEN = 200  # what one person can look over before pressing the button


@require_safe
def refunds(request: HttpRequest) -> HttpResponse:
    """List one queue of refunds, and how full the others are."""
    name = request.GET.get("queue", "")
    queues = refund_queues()
    if name not in QUEUES:
        name = next((each.name for each in queues if each.count), "waiting")
    context = {
        **admin.site.each_context(request),
        "title": TITLE,
        "queues": queues,
        "queue": name,
        "page": Paginator(refunds_in(name), ON_A_PAGE).get_page(request.GET.get("page")),
        "may_approve": name in ("waiting", "failed")
        and request.user.has_perm("billing.approve_refund"),
        "apart": open_quarantines().count(),
    }
    return TemplateResponse(request, "admin/money/refunds.html", context)


@require_POST
def approve(request: HttpRequest) -> HttpResponse:
    """Show what was chosen with its total; once confirmed, approve one by one."""
    rows = _chosen(request)
    if not rows:
        messages.error(request, _("Please choose at least one refund."))
        return redirect("admin:refunds")
    context = {**admin.site.each_context(request), "title": TITLE, "rows": rows}
    if "confirmed" not in request.POST:
        sums: dict[str, list[Refund]] = {}
        for row in rows:
            sums.setdefault(row.currency, []).append(row)
        totals = [(code, sum(each.amount for each in group)) for code, group in sums.items()]
        return TemplateResponse(request, "admin/money/approve.html", {**context, "totals": totals})
    results = approve_refunds(
        refund_uids=[row.uid for row in rows], by=signed_in(request.user), now=clock.now()
    )
    context["results"] = results
    context["done"] = sum(1 for result in results if result.refusal is None)
    return TemplateResponse(request, "admin/money/approved.html", context)


@require_safe
def quarantines(request: HttpRequest) -> HttpResponse:
    """List the money that does not fit."""
    context = {
        **admin.site.each_context(request),
        "title": APART,
        "page": Paginator(open_quarantines(), ON_A_PAGE).get_page(request.GET.get("page")),
        "may_decide": request.user.has_perm("billing.resolve_quarantine"),
    }
    return TemplateResponse(request, "admin/money/quarantines.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def quarantine(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    """Show what does not fit; decide about it."""
    row = open_quarantines().filter(uid=uid).first()
    if row is None:
        raise Http404
    form = DecisionForm(
        request.POST if request.method == "POST" else None, may_give_back=may_give_back(row)
    )
    if form.is_valid():
        try:
            decide_quarantine(
                quarantine_uid=uid,
                end=QuarantineEnd(form.cleaned_data["end"]),
                reason=form.cleaned_data["reason"],
                by=signed_in(request.user),
                now=clock.now(),
            )
        except Missing as missing:
            raise Http404 from missing
        except Refused as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, _("Decided."))
        return redirect("admin:quarantines")
    context = {
        **admin.site.each_context(request),
        "title": APART,
        "row": row,
        "form": form,
        "may_give_back": may_give_back(row),
    }
    status = 422 if form.is_bound else 200
    return TemplateResponse(request, "admin/money/quarantine.html", context, status=status)


def _chosen(request: HttpRequest) -> QuerySet[Refund]:
    uids = []
    for said in request.POST.getlist("refund")[:MOST_CHOSEN]:
        try:
            uids.append(uuid.UUID(said))
        except ValueError:
            continue
    return chosen_refunds(uids)


if isinstance(admin.site, MedBookAdminSite):
    admin.site.add_page(
        "refunds/", refunds, name="refunds", title=TITLE, permission="billing.view_refund"
    )
    admin.site.add_page(
        "refunds/approve/",
        approve,
        name="approve_refunds",
        title=TITLE,
        permission="billing.approve_refund",
        is_on_home=False,
    )
    admin.site.add_page(
        "quarantine/",
        quarantines,
        name="quarantines",
        title=APART,
        permission="billing.view_quarantine",
    )
    admin.site.add_page(
        "quarantine/<uuid:uid>/",
        quarantine,
        name="quarantine",
        title=APART,
        permission="billing.resolve_quarantine",
        is_on_home=False,
    )
