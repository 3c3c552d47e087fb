"""Where do gateways send their notifications?"""

from django.urls import path

from billing.views import notifications

urlpatterns = [
    path("<slug:gateway>/", notifications.gateway_notification, name="gateway_notification"),
]
