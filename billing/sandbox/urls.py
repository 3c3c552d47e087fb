"""Under which addresses does the bank answer?"""

from django.urls import path

from billing.sandbox import api, views

app_name = "sandbox"
urlpatterns = [
    path("", views.show_console, name="console"),
    path("pay/<uuid:uid>/", views.pay, name="pay"),
    path("notifications/<uuid:uid>/", views.send_notification_again, name="send_again"),
    path("statements/<str:day>.csv", views.statement_file, name="statement_file"),
    path("api/payments/", api.payments, name="api_payments"),
    path("api/payments/<slug:number>/", api.payment, name="api_payment"),
    path("api/payments/<slug:number>/close/", api.close, name="api_close"),
    path("api/refunds/", api.refunds, name="api_refunds"),
    path("api/refunds/<slug:number>/", api.refund, name="api_refund"),
    path("api/claims/", api.claims, name="api_claims"),
    path("api/claims/<slug:number>/", api.claim, name="api_claim"),
    path("api/claims/<slug:number>/reverse/", api.reverse_claim, name="api_reverse_claim"),
    path("api/claim-statements/<str:day>/", api.claim_statements, name="api_claim_statements"),
    path("api/statements/<str:day>/", api.statements, name="api_statements"),
]
