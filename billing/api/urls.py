"""Which API addresses does this app answer?"""

from django.urls import path

from billing.api.views import money, policies, settlements

urlpatterns = [
    path("invoices/", money.InvoiceList.as_view(), name="invoice-list"),
    path("invoices/<uuid:uid>/", money.InvoiceDetail.as_view(), name="invoice-detail"),
    path("invoices/<uuid:uid>/payments/", money.PaymentList.as_view(), name="invoice-payments"),
    path(
        "patients/<uuid:uid>/policies/",
        policies.PatientPolicies.as_view(),
        name="patient-policies",
    ),
    path("admin/refunds/", money.RefundList.as_view(), name="admin-refund-list"),
    path(
        "admin/refunds/<uuid:uid>/approve/",
        money.RefundApprove.as_view(),
        name="admin-refund-approve",
    ),
    path("admin/settlements/", settlements.SettlementList.as_view(), name="admin-settlement-list"),
    path(
        "admin/settlements/<uuid:uid>/",
        settlements.SettlementDetail.as_view(),
        name="admin-settlement-detail",
    ),
    path(
        "admin/settlements/<uuid:uid>/close/",
        settlements.SettlementClose.as_view(),
        name="admin-settlement-close",
    ),
]
