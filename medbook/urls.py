"""Which address leads where?"""

from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import include, path

from medbook import api_docs, health, views

handler400 = "medbook.views.bad_request"
handler403 = "medbook.views.permission_denied"
handler404 = "medbook.views.not_found"
handler500 = "medbook.views.server_error"

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("", views.choose_language, name="root"),
    path("admin/", admin.site.urls),
    path("calendar/", include("appointments.calendar_urls")),
    path("webhooks/", include("billing.urls")),
    path("api/v1/", include("members.api.urls")),
    path("api/v1/", include("scheduling.api.urls")),
    path("api/v1/", include("billing.api.urls")),
    path("api/v1/", include("appointments.api.urls")),
    path("api/v1/schema/", api_docs.schema, name="api-schema"),
    path("api/v1/docs/", api_docs.docs, name="api-docs"),
    *([path("sandbox/", include("billing.sandbox.urls"))] if settings.IS_DEVELOPMENT else []),
    *i18n_patterns(
        path("", include("members.urls")),
        path("", include("billing.page_urls")),
        path("", include("appointments.urls")),
    ),
]
