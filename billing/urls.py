"""Where do gateways send their notifications?"""

from django.urls import path

from billing import views

urlpatterns = [
    path("<slug:gateway>/", views.gateway_notification, name="gateway_notification"),
]
