"""How does finance settle the days of gateways, and the desk count cash and card?"""

import uuid
from datetime import date
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.admin.settlement_forms import CardForm, CashForm, ImportForm
from billing.choices import Account, Gateway, Resolution
from billing.errors import NoteRequired
from billing.models import CashCount, Difference, JournalEntry, Posting, Settlement
from billing.rules.matching import resolutions
from billing.selectors.settling import (
    counts_of,
    days,
    desk_money,
    differences_of,
    matched_lines,
    ours_of,
    settlement_of,
    shown_gateways,
    theirs,
)
from billing.services.cash import count_cash, note_card_total
from billing.services.differences import resolve_difference
from billing.services.settlement_export import export_settlement
from billing.services.settling import close_settlement
from billing.services.statements import import_statement
from medbook import clock, money
from medbook.admin_actions import ReasonForm
from medbook.admin_site import MedBookAdminSite, ReadOnly
from medbook.errors import DomainError, Missing
from medbook.spreadsheets import XLSX
from members.selectors.people import signed_in

ON_A_PAGE = 50
COUNTS_SHOWN = 20
COUNT, SETTLE, VIEW = "billing.count_cash", "billing.settle", "billing.view_settlement"
WITHOUT_CONFIRMING = (Resolution.ASK, Resolution.NEXT_DAY)  # they write no money
MEANINGS = {
    Resolution.TAKE_IN: gettext_lazy(
        "The line is taken in as if the gateway had told us: the bill is paid, or the money goes "
        "back. Money that fits nothing is set apart, and booked as owed to whoever paid it."
    ),
    Resolution.ASK: gettext_lazy("The gateway is asked what became of the money."),
    Resolution.REVERSE: gettext_lazy(
        "A further entry takes the money off the gateway's account and writes it off. "
        "The payment or refund itself stays as it is."
    ),
    Resolution.WRITE_OFF: gettext_lazy(
        "An entry writes the difference off, so that the gateway's account agrees with the "
        "statement."
    ),
    Resolution.NEXT_DAY: gettext_lazy("It is left to the next day that is open."),
}
to_be_filled = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
@never_cache
def settlement_list(request: HttpRequest) -> HttpResponse:
    """List the last days at each gateway."""
    context = {"days": days(clock.now()), "form": _import_form(request)}
    return _shown(request, "list.html", _("Settlements"), context)


@require_POST
def settlement_import(request: HttpRequest) -> HttpResponse:
    """Take a statement in, and lead to its day."""
    form = _import_form(request)
    if form.is_valid():
        gateway, day = form.cleaned_data["gateway"], form.cleaned_data["day"]
        try:
            import_statement(
                gateway=gateway,
                day=day,
                content=form.content,
                by=signed_in(request.user),
                now=clock.now(),
            )
        except DomainError as refusal:
            form.add_error(None, refusal.detail)
        else:
            messages.success(request, _("The statement is imported."))
            return redirect("admin:settlement", gateway, day.isoformat())
    context = {"days": days(clock.now()), "form": form}
    return _shown(request, "list.html", _("Settlements"), context, 422)


@require_safe
@never_cache
def settlement_shown(request: HttpRequest, gateway: str, day: str) -> HttpResponse:
    """Lay our sums of a day beside the gateway's, with what differs and what agrees."""
    when = _day(gateway, day)
    settlement = settlement_of(gateway, when)
    context: dict[str, Any] = {
        **_names(gateway, when),
        "settlement": settlement,
        "form": _import_form(request, gateway, when),
        "is_over": when < clock.site_date(clock.now()),
    }
    if settlement is None:
        return _shown(request, "day.html", _title(gateway, when), context)
    is_matched = request.GET.get("tab") == "matched"
    agreeing, differing = matched_lines(settlement), differences_of(settlement)
    number = request.GET.get("page")
    if is_matched:
        context["page"] = Paginator(agreeing, ON_A_PAGE).get_page(number)
    else:
        context["page"] = page = Paginator(differing, ON_A_PAGE).get_page(number)
        context["rows"] = [(row, _offered(row)) for row in page]
    ours, told = ours_of(settlement), theirs(settlement)
    context |= {
        "is_matched": is_matched,
        "query": "tab=matched" if is_matched else "",
        "open": settlement.differences.filter(resolution="").count(),
        "matched": agreeing.count(),
        "sums": [
            (_("Paid in"), ours.payments, told.payments, told.payments - ours.payments),
            (_("Given back"), ours.refunds, told.refunds, told.refunds - ours.refunds),
            (_("Together"), ours.gross, told.gross, told.gross - ours.gross),
            (_("Fees"), None, told.fees, None),
            (_("To the bank"), None, told.net, None),
        ],
    }
    return _shown(request, "day.html", _title(gateway, when), context)


@to_be_filled
@never_cache
def settlement_close(request: HttpRequest, gateway: str, day: str) -> HttpResponse:
    """Ask once more, then book the payout and freeze the day."""
    when = _day(gateway, day)
    settlement = settlement_of(gateway, when)
    if settlement is None:
        raise Http404
    if request.method == "POST":
        try:
            close_settlement(uid=settlement.uid, by=signed_in(request.user), now=clock.now())
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, _("The day is closed."))
        return redirect("admin:settlement", gateway, when.isoformat())
    context = {**_names(gateway, when), "settlement": settlement, "told": theirs(settlement)}
    return _shown(request, "close.html", _("Close the day"), context)


@require_safe
@never_cache
def settlement_export(request: HttpRequest, gateway: str, day: str) -> HttpResponse:
    """Give a day as a workbook."""
    when = _day(gateway, day)
    settlement = settlement_of(gateway, when)
    if settlement is None:
        raise Http404
    name = f"settlement-{gateway}-{when}.xlsx"
    return HttpResponse(
        export_settlement(settlement=settlement, by=signed_in(request.user)),
        content_type=XLSX,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@to_be_filled
@never_cache
def difference_resolve(request: HttpRequest, uid: uuid.UUID, resolution: str) -> HttpResponse:
    """Decide about a difference; what writes money is confirmed, with a reason."""
    rows = Difference.objects.select_related("settlement", "line", "payment__invoice", "refund")
    difference = rows.filter(uid=uid).first()
    if difference is None or resolution not in Resolution.values:
        raise Http404
    chosen = Resolution(resolution)
    is_sent = request.method == "POST"
    form = ReasonForm(request.POST if is_sent else None)
    back = redirect("admin:settlement", difference.settlement.gateway, difference.settlement.day)
    if is_sent and (chosen in WITHOUT_CONFIRMING or form.is_valid()):
        try:
            resolve_difference(
                uid=uid,
                resolution=chosen,
                by=signed_in(request.user),
                note=request.POST.get("reason", "").strip()[:200],
                now=clock.now(),
            )
        except Missing as nothing:
            raise Http404 from nothing
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, _("Decided: %(what)s.") % {"what": chosen.label})
        return back
    context = {
        **_names(difference.settlement.gateway, difference.settlement.day),
        "difference": difference,
        "chosen": chosen,
        "meaning": MEANINGS[chosen],
        "form": form,
        "is_free": chosen in WITHOUT_CONFIRMING,
    }
    status = 422 if form.is_bound else 200
    return _shown(request, "resolve.html", str(chosen.label), context, status)


@to_be_filled
@never_cache
def cash(request: HttpRequest) -> HttpResponse:
    """Say what is expected in the drawer, or of the card terminal, and ask what is there."""
    is_card = request.GET.get("tab") == "card"
    account = Account.DESK_CARD if is_card else Account.DESK_CASH
    is_sent = request.method == "POST"
    form = (CardForm if is_card else CashForm)(request.POST if is_sent else None)
    if is_sent and form.is_valid():
        said = {name: form.cleaned_data[name] for name in form.SAID}
        count_desk = note_card_total if is_card else count_cash
        try:
            count = count_desk(by=signed_in(request.user), now=clock.now(), **said)
        except DomainError as refusal:
            field = "note" if isinstance(refusal, NoteRequired) else None
            form.add_error(field, refusal.detail)
        else:
            text = _("Counted: %(amount)s.") % {"amount": count.shown_counted}
            messages.success(request, text)
            return redirect(request.get_full_path())
    context = {
        "form": form,
        "is_card": is_card,
        "account": account,
        "money": (found := desk_money(account)),
        "seen": f"{found.expected:.2f}",
        "counts": counts_of(account)[:COUNTS_SHOWN],
    }
    return _shown(request, "cash.html", _("Cash and card"), context, 422 if form.errors else 200)


def _offered(difference: Difference) -> list[tuple[Resolution, bool]]:
    """List what can be decided, and whether pressing the button is enough."""
    found = resolutions(difference.what, difference.movement)
    return [(each, each in WITHOUT_CONFIRMING) for each in found]


def _import_form(
    request: HttpRequest, gateway: str | None = None, day: date | None = None
) -> ImportForm:
    choices = [(code, str(Gateway(code).label)) for code in settings.PAYMENT_GATEWAYS]
    if request.method == "POST":
        return ImportForm(request.POST, request.FILES, gateways=choices)
    given = {"gateway": gateway, "day": day.isoformat()} if gateway and day else {}
    return ImportForm(gateways=choices, initial=given)


def _day(gateway: str, day: str) -> date:
    """Read which day at which gateway an address means."""
    try:
        found = date.fromisoformat(day)
    except ValueError as wrong:
        raise Http404 from wrong
    if gateway not in shown_gateways() or found.isoformat() != day:
        raise Http404
    return found


def _names(gateway: str, day: date) -> dict[str, Any]:
    return {"gateway": gateway, "gateway_name": Gateway(gateway).label, "day": day}


def _title(gateway: str, day: date) -> str:
    return f"{Gateway(gateway).label} · {clock.day_text(day)}"


def _shown(
    request: HttpRequest, name: str, title: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": title,
        "may_settle": request.user.has_perm(SETTLE),
        "currency": settings.CURRENCY,
        "may_see_bills": request.user.has_perm("billing.view_invoice"),
        **context,
    }
    return TemplateResponse(request, f"admin/settlements/{name}", context, status=status)


class PostingInline(ReadOnly, admin.TabularInline):
    model = Posting
    fields = ["account", "amount"]
    ordering = ["id"]


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["kind", "amount", "reference", "at", "recorded_at", "by"]
    list_filter = ["kind", "postings__account"]
    list_select_related = ["by"]
    search_fields = ["reference__exact", "subject__exact"]
    search_help_text = gettext_lazy("Reference or subject, in full")
    date_hierarchy = "at"
    ordering = ["-id"]
    inlines = [PostingInline]
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[JournalEntry]:
        """Sum up each entry."""
        debits = Posting.objects.filter(entry=OuterRef("pk"), amount__gt=0).order_by()
        summed = debits.values("entry").annotate(sum=Sum("amount")).values("sum")
        entries: QuerySet[JournalEntry] = super().get_queryset(request)
        return entries.annotate(debit=Subquery(summed))

    @admin.display(description=gettext_lazy("amount"), ordering="debit")
    def amount(self, entry: Any) -> str:
        """Say how much it moves, with its currency."""
        return money.shown(entry.debit, entry.currency)


@admin.register(Settlement)
class SettlementAdmin(ReadOnly, admin.ModelAdmin):
    list_display = [
        "day",
        "gateway",
        "state",
        "payments_total",
        "refunds_total",
        "net",
        "closed_by",
    ]
    list_filter = ["gateway", "state"]
    date_hierarchy = "day"
    ordering = ["-day", "gateway"]
    show_full_result_count = False


@admin.register(CashCount)
class CashCountAdmin(ReadOnly, admin.ModelAdmin):
    list_display = [
        "account",
        "number",
        "counted_at",
        "counted",
        "expected",
        "difference",
        "kept",
        "by",
    ]
    list_filter = ["account"]
    list_select_related = ["by"]
    date_hierarchy = "counted_at"
    ordering = ["-counted_at"]
    show_full_result_count = False


A_DAY = "settlements/<slug:gateway>/<str:day>/"
PAGES = (
    ("cash/", cash, "cash", gettext_lazy("Cash and card"), COUNT),
    ("settlements/", settlement_list, "settlements", gettext_lazy("Settlements"), VIEW),
    ("settlements/import/", settlement_import, "settlement_import", "", SETTLE),
    (
        "settlements/differences/<uuid:uid>/<slug:resolution>/",
        difference_resolve,
        "settlement_difference",
        "",
        SETTLE,
    ),
    (A_DAY, settlement_shown, "settlement", "", VIEW),
    (f"{A_DAY}close/", settlement_close, "settlement_close", "", SETTLE),
    (f"{A_DAY}export/", settlement_export, "settlement_export", "", VIEW),
)
if isinstance(admin.site, MedBookAdminSite):
    for route, view, name, title, permission in PAGES:
        admin.site.add_page(
            route,
            view,
            name=name,
            title=title,
            permission=permission,
            is_on_home=name in ("cash", "settlements"),
        )
