"""Which API addresses does this app answer?"""

from django.urls import path

from billing.api import views

urlpatterns = [
    path("invoices/", views.InvoiceList.as_view(), name="invoice-list"),
    path("invoices/<uuid:uid>/", views.InvoiceDetail.as_view(), name="invoice-detail"),
    path("invoices/<uuid:uid>/payments/", views.PaymentList.as_view(), name="invoice-payments"),
    path("admin/refunds/", views.RefundList.as_view(), name="admin-refund-list"),
    path(
        "admin/refunds/<uuid:uid>/approve/",
        views.RefundApprove.as_view(),
        name="admin-refund-approve",
    ),
]
