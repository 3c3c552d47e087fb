"""What do staff see of invoices and payments? They read here; services write."""

from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.forms import GoodwillForm
from billing.models import Invoice, InvoiceLine, Payment, Refund
from billing.services.refunds import hand_back_refund, refund_payment
from medbook import clock
from medbook.admin_actions import ActingAdmin, Answers, confirmed_action
from medbook.admin_site import ReadOnly
from members.selectors.people import signed_in


class InvoiceLineInline(ReadOnly, admin.TabularInline):
    model = InvoiceLine
    fields = ["number", "kind", "amount"]
    ordering = ["number"]


class PaymentInline(ReadOnly, admin.TabularInline):
    model = Payment
    fields = [
        "gateway",
        "amount",
        "currency",
        "state",
        "is_extra",
        "transaction",
        "captured_at",
        "recorded_by",
    ]
    ordering = ["id"]


@admin.register(Invoice)
class InvoiceAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["reference", "state", "in_full", "member", "issued_at", "paid_at"]
    list_filter = ["state"]
    list_select_related = ["member__user"]
    search_fields = ["reference__exact"]
    date_hierarchy = "issued_at"
    ordering = ["-id"]
    inlines = [InvoiceLineInline, PaymentInline]
    show_full_result_count = False

    @admin.display(description=_("total"), ordering="total")
    def in_full(self, invoice: Invoice) -> str:
        """Say the total with its currency."""
        return invoice.shown_total


@admin.register(Payment)
class PaymentAdmin(ReadOnly, ActingAdmin):
    list_display = ["invoice", "gateway", "state", "amount", "currency", "captured_at", "is_extra"]
    list_filter = ["gateway", "state", "is_extra"]
    list_select_related = ["invoice", "recorded_by"]
    search_fields = ["invoice__reference__exact"]
    date_hierarchy = "requested_at"
    ordering = ["-id"]
    actions = ["give_back"]
    show_full_result_count = False

    @confirmed_action(
        _("Give back a part, as goodwill"),
        permission="billing.request_refund",
        explanation=_("It goes back the way it came; above the limit once a second person agrees."),
        form=GoodwillForm,
    )
    def give_back(self, request: HttpRequest, row: Payment, answers: Answers) -> str:
        refund = refund_payment(
            payment_uid=row.uid,
            amount=answers["amount"],
            key=f"goodwill:{answers['key']}",
            by=signed_in(request.user),
            now=clock.now(),
        )
        return gettext("%(amount)s asked back.") % {"amount": refund.shown_amount}


@admin.register(Refund)
class RefundAdmin(ReadOnly, ActingAdmin):
    """Refunds: those that wait first; the desk hands the money over."""

    list_display = ["reference", "shown_amount", "way", "reason", "state", "requested_at"]
    list_filter = ["state", "reason", "payment__gateway"]
    list_select_related = ["payment__invoice"]
    search_fields = ["reference__exact", "payment__invoice__reference__exact"]
    search_help_text = _("Number of the refund or of the invoice")
    date_hierarchy = "requested_at"
    ordering = [F("settled_at").desc(nulls_first=True), "requested_at"]
    actions = ["hand_back"]
    fields = [
        "reference",
        "state",
        "shown_amount",
        "way",
        "reason",
        "payment",
        "requested_at",
        "requested_by",
        "approved_at",
        "approved_by",
        "attempts",
        "message",
        "settled_at",
        "settled_by",
    ]
    show_full_result_count = False

    @admin.display(description=_("amount"), ordering="amount")
    def shown_amount(self, refund: Refund) -> str:
        """Say the amount with its currency."""
        return refund.shown_amount

    @admin.display(description=_("the way it came"))
    def way(self, refund: Refund) -> str:
        """Say how the money came in: it goes back the same way."""
        return refund.payment.get_gateway_display()

    @confirmed_action(
        _("Money given back"),
        permission="billing.hand_back_refund",
        explanation=_(
            "Hand the money over first, the way it came in, and let the member sign for it. "
            "This cannot be undone."
        ),
    )
    def hand_back(self, request: HttpRequest, row: Refund, answers: Answers) -> str:
        refund = hand_back_refund(refund_uid=row.uid, by=signed_in(request.user), now=clock.now())
        return gettext("%(amount)s given back.") % {"amount": refund.shown_amount}
