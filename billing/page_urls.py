"""Which pages about money does a member open?"""

from django.urls import path

from billing.views import insurance

app_name = "billing"
urlpatterns = [
    path("patients/<uuid:uid>/insurance/", insurance.policies, name="insurance"),
    path(
        "patients/<uuid:uid>/insurance/<uuid:policy_uid>/end/",
        insurance.end,
        name="end_insurance",
    ),
]
