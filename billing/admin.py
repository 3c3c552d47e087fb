"""What do staff see of invoices and payments? They read here; services write."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from billing.models import Invoice, InvoiceLine, Payment
from medbook.admin_site import ReadOnly


class InvoiceLineInline(ReadOnly, admin.TabularInline):
    model = InvoiceLine
    fields = ["number", "kind", "amount"]
    ordering = ["number"]


class PaymentInline(ReadOnly, admin.TabularInline):
    model = Payment
    fields = ["gateway", "amount", "currency", "state", "captured_at", "recorded_by"]
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
class PaymentAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["invoice", "gateway", "amount", "currency", "captured_at", "recorded_by"]
    list_filter = ["gateway"]
    list_select_related = ["invoice", "recorded_by"]
    search_fields = ["invoice__reference__exact"]
    date_hierarchy = "captured_at"
    ordering = ["-id"]
    show_full_result_count = False
